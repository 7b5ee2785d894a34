// What is accepted, taken for a duplicate, or refused of a producer; snapshots; taking back.
#include "storage/producer_state.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/crc32c.h"
#include "storage/producer_snapshot.h"
#include "storage/test_support.h"

namespace gregor::storage {
namespace {

using model::EndMarker;
using model::Offset;
using model::ProducerEpoch;
using model::ProducerId;
using model::TimestampMs;

constexpr std::int32_t sequence_max = std::numeric_limits<std::int32_t>::max();

class ProducerStateTest : public ::testing::Test {
 protected:
  struct Shape {
    std::int64_t id = 7;
    int epoch = 0;
    bool transactional = false;
    std::int64_t now_ms = 1000;
  };
  [[nodiscard]] ProducedBatch batch(std::int32_t sequence, int records) const {
    return batch(sequence, records, Shape{});
  }
  [[nodiscard]] ProducedBatch batch(std::int32_t sequence, int records, const Shape& shape) const {
    ProducedBatch made;
    made.producer = ProducerId(shape.id);
    made.epoch = ProducerEpoch(static_cast<std::int16_t>(shape.epoch));
    made.base_sequence = sequence;
    made.first = end_;
    made.last = end_ + (records - 1);
    made.max_timestamp = TimestampMs(shape.now_ms);
    made.is_transactional = shape.transactional;
    return made;
  }
  /// `none` if it was appended; unknown_server_error stands for a duplicate.
  ErrorCode append(std::int32_t sequence, int records, const Shape& shape) {
    const auto made = batch(sequence, records, shape);
    const auto judged = state_.check(made, "t-0");
    if (!judged) return judged.error().code;
    if (*judged) {
      duplicate_ = **judged;
      return ErrorCode::unknown_server_error;
    }
    state_.stage(made, shape.now_ms);
    end_ = made.last + 1;
    return ErrorCode::none;
  }
  ErrorCode append(std::int32_t sequence, int records) {
    return append(sequence, records, Shape{});
  }
  std::optional<AbortedTransaction> end(const Shape& shape, bool is_commit, int coordinator = 1) {
    const EndMarker marker{ProducerId(shape.id),
                           ProducerEpoch(static_cast<std::int16_t>(shape.epoch)), coordinator,
                           is_commit, TimestampMs(shape.now_ms)};
    const auto judged = state_.check(marker, "t-0");
    EXPECT_TRUE(judged.has_value());
    const auto aborted = state_.stage(marker, end_, shape.now_ms);
    end_ = end_ + 1;
    return aborted;
  }
  void write_all() {
    while (state_.staged() > 0) state_.written_one();
  }
  [[nodiscard]] std::string snapshot() const {
    return test::hex(encode_snapshot(state_.written_entries()));
  }

  std::shared_ptr<ProducerRules> rules_ = std::make_shared<ProducerRules>();
  ProducerState state_{rules_};
  Offset end_{100};
  RememberedBatch duplicate_;
};

constexpr ErrorCode taken = ErrorCode::none;
constexpr ErrorCode duplicate = ErrorCode::unknown_server_error;
constexpr ErrorCode out_of_order = ErrorCode::out_of_order_sequence_number;

TEST_F(ProducerStateTest, a_known_producer_goes_on_where_it_was) {
  EXPECT_EQ(append(5, 3), taken);  // unknown: it may begin anywhere
  EXPECT_EQ(append(9, 1), out_of_order);
  EXPECT_EQ(append(7, 1), out_of_order);
  EXPECT_EQ(append(8, 1), taken);
  EXPECT_EQ(append(0, 1), out_of_order);
}

TEST_F(ProducerStateTest, each_of_the_last_five_batches_is_known_again) {
  for (int i = 0; i < 6; ++i) ASSERT_EQ(append(i * 2, 2, {.now_ms = 1000 + i}), taken);
  EXPECT_EQ(append(0, 2), out_of_order);  // the sixth last
  for (int i = 1; i < 6; ++i) {
    ASSERT_EQ(append(i * 2, 2), duplicate) << i;
    EXPECT_EQ(duplicate_.first(), Offset(100 + i * 2));
    EXPECT_EQ(duplicate_.last, Offset(101 + i * 2));
    EXPECT_EQ(duplicate_.timestamp, TimestampMs(1000 + i));
  }
  EXPECT_EQ(append(10, 1), out_of_order);  // part of a batch is none
  EXPECT_EQ(append(10, 3), out_of_order);
  EXPECT_EQ(append(12, 1), taken);
}

TEST_F(ProducerStateTest, epochs_fence) {
  EXPECT_EQ(append(0, 1, {.epoch = 3}), taken);
  EXPECT_EQ(append(1, 1, {.epoch = 2}), ErrorCode::invalid_producer_epoch);
  EXPECT_EQ(append(1, 1, {.epoch = 4}), out_of_order);
  EXPECT_EQ(append(0, 1, {.epoch = 4}), taken);
  EXPECT_EQ(append(0, 1, {.epoch = 3}), ErrorCode::invalid_producer_epoch);
  EXPECT_EQ(append(0, 1, {.epoch = 4}), duplicate);
  EXPECT_EQ(append(1, 1, {.epoch = 4}), taken);
}

TEST_F(ProducerStateTest, without_an_epoch_any_sequence_follows) {
  EXPECT_EQ(append(0, 1, {.epoch = -1}), taken);
  EXPECT_EQ(append(17, 1, {.epoch = -1}), taken);
  EXPECT_EQ(append(3, 1, {.epoch = 0}), taken);
  EXPECT_EQ(append(5, 1, {.epoch = 0}), out_of_order);
}

TEST_F(ProducerStateTest, sequences_wrap) {
  EXPECT_EQ(append(sequence_max - 1, 4), taken);  // max-1, max, 0, 1
  EXPECT_EQ(state_.find(ProducerId(7))->last_sequence(), 1);
  EXPECT_EQ(append(sequence_max - 1, 4), duplicate);
  EXPECT_EQ(append(2, 1), taken);
  EXPECT_EQ(append(sequence_max, 1, {.id = 8}), taken);
  EXPECT_EQ(append(1, 1, {.id = 8}), out_of_order);
  EXPECT_EQ(append(0, 1, {.id = 8}), taken);
}

TEST_F(ProducerStateTest, what_was_not_written_is_taken_back) {
  ASSERT_EQ(append(0, 1), taken);
  ASSERT_EQ(append(0, 1, {.id = 9, .transactional = true}), taken);
  write_all();
  const auto before = snapshot();
  ASSERT_EQ(append(1, 2), taken);
  ASSERT_EQ(append(3, 2), taken);
  ASSERT_EQ(append(0, 1, {.id = 8, .transactional = true}), taken);
  ASSERT_TRUE(end({.id = 9}, false).has_value());
  ASSERT_EQ(append(0, 1, {.epoch = 1}), taken);
  EXPECT_EQ(snapshot(), before);  // what is staged is in no snapshot
  state_.take_back();
  EXPECT_EQ(snapshot(), before);
  EXPECT_EQ(state_.size(), 2u);
  EXPECT_EQ(state_.first_unstable(), Offset(101));
  end_ = Offset(102);
  EXPECT_EQ(append(3, 2), out_of_order);
  EXPECT_EQ(append(1, 2), taken);
  const auto aborted = end({.id = 9}, false);
  ASSERT_TRUE(aborted.has_value());
  EXPECT_EQ(aborted->first, Offset(101));
}

TEST_F(ProducerStateTest, a_part_of_what_is_staged_may_be_written) {
  ASSERT_EQ(append(0, 1), taken);
  ASSERT_EQ(append(1, 1), taken);
  ASSERT_EQ(append(2, 1), taken);
  state_.written_one();
  EXPECT_EQ(state_.written_entries().front().last_sequence(), 0);
  state_.take_back();
  EXPECT_EQ(append(0, 1), duplicate);
  EXPECT_EQ(append(1, 1), taken);
}

TEST_F(ProducerStateTest, transactions_hold_back_what_is_stable) {
  ASSERT_EQ(append(0, 2, {.id = 1, .transactional = true}), taken);  // 100
  ASSERT_EQ(append(0, 2, {.id = 2, .transactional = true}), taken);  // 102
  ASSERT_EQ(append(2, 2, {.id = 1, .transactional = true}), taken);  // 104
  EXPECT_EQ(append(4, 1, {.id = 1}), ErrorCode::invalid_txn_state);
  EXPECT_EQ(state_.first_unstable(), Offset(100));
  EXPECT_FALSE(end({.id = 1}, true).has_value());  // 106
  EXPECT_EQ(state_.first_unstable(), Offset(100)) << "its marker is not replicated";
  state_.high_watermark_moved(Offset(106));
  EXPECT_EQ(state_.first_unstable(), Offset(100));
  state_.high_watermark_moved(Offset(107));
  EXPECT_EQ(state_.first_unstable(), Offset(102));
  const auto aborted = end({.id = 2}, false);  // 107
  ASSERT_TRUE(aborted.has_value());
  const AbortedTransaction expected{ProducerId(2), Offset(102), Offset(107), Offset(108)};
  EXPECT_EQ(*aborted, expected);
  state_.high_watermark_moved(Offset(108));
  EXPECT_EQ(state_.first_unstable(), std::nullopt);
  EXPECT_FALSE(end({.id = 2}, false).has_value()) << "no transaction is open";
}

TEST_F(ProducerStateTest, markers_are_fenced) {
  ASSERT_EQ(append(0, 1, {.epoch = 2, .transactional = true}), taken);
  end({.epoch = 2}, true, 5);
  EndMarker marker{ProducerId(7), ProducerEpoch(1), 6, true, TimestampMs(1)};
  EXPECT_EQ(state_.check(marker, "t-0").error().code, ErrorCode::invalid_producer_epoch);
  marker.epoch = ProducerEpoch(2);
  marker.coordinator_epoch = 4;
  EXPECT_EQ(state_.check(marker, "t-0").error().code, ErrorCode::transaction_coordinator_fenced);
  marker.coordinator_epoch = 5;
  EXPECT_TRUE(state_.check(marker, "t-0").has_value());
}

TEST_F(ProducerStateTest, silent_producers_are_forgotten_but_not_inside_of_a_transaction) {
  rules_->expiration_ms = 500;
  ASSERT_EQ(append(0, 1, {.id = 1, .now_ms = 1000}), taken);
  ASSERT_EQ(append(0, 1, {.id = 2, .transactional = true, .now_ms = 1000}), taken);
  ASSERT_EQ(append(0, 1, {.id = 3, .now_ms = 1400}), taken);
  write_all();
  state_.expire(1499);
  EXPECT_EQ(state_.size(), 3u);
  state_.expire(1500);
  EXPECT_EQ(state_.find(ProducerId(1)), nullptr);
  EXPECT_NE(state_.find(ProducerId(2)), nullptr);
  EXPECT_NE(state_.find(ProducerId(3)), nullptr);
  EXPECT_EQ(append(77, 1, {.id = 1, .now_ms = 1900}), taken);  // which forgets 3 on its way
  EXPECT_EQ(state_.find(ProducerId(3)), nullptr);
  EXPECT_EQ(rules_->ids_count, 2);
}

TEST_F(ProducerStateTest, at_the_limit_the_one_silent_for_longest_is_forgotten) {
  rules_->ids_max = 3;
  ASSERT_EQ(append(0, 1, {.id = 1, .transactional = true}), taken);
  ASSERT_EQ(append(0, 1, {.id = 2}), taken);
  ASSERT_EQ(append(0, 1, {.id = 3}), taken);
  ASSERT_EQ(append(1, 1, {.id = 2}), taken);
  write_all();
  ASSERT_EQ(append(0, 1, {.id = 4}), taken);
  EXPECT_EQ(state_.size(), 3u);
  EXPECT_EQ(state_.find(ProducerId(3)), nullptr);
  EXPECT_EQ(append(1, 1, {.id = 2}), duplicate);
  {
    ProducerState other(rules_);
    other.stage(batch(0, 1, {.id = 50}), 1000);
    EXPECT_EQ(rules_->ids_count, 4) << "a log may always remember one";
    other.stage(batch(0, 1, {.id = 51}), 1000);
    EXPECT_EQ(other.size(), 1u);
  }
  EXPECT_EQ(rules_->ids_count, 3);
}

TEST_F(ProducerStateTest, a_snapshot_has_kafkas_bytes) {
  EXPECT_EQ(test::hex(encode_snapshot({})), "000148674bc700000000");
  ProducerEntry entry;
  entry.id = ProducerId(1000);
  entry.epoch = ProducerEpoch(3);
  entry.batches[0] = {19, 9, Offset(59), TimestampMs(1700000000123)};
  entry.batch_count = 1;
  entry.last_timestamp = TimestampMs(1700000000123);
  entry.coordinator_epoch = 7;
  entry.transaction_start = Offset(40);
  const auto bytes = encode_snapshot({entry});
  EXPECT_EQ(test::hex(bytes),
            "0001275597ff0000000100000000000003e8000300000013000000000000003b00000009"
            "0000018bcfe5687b000000070000000000000028");
  const auto decoded = decode_snapshot(bytes);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->front().batches[0], entry.batches[0]);
  EXPECT_EQ(encode_snapshot(*decoded), bytes);
}

TEST_F(ProducerStateTest, a_snapshot_lists_producers_as_javas_map_does) {
  // 16 buckets: 15, 16 (bucket 0), 33 (bucket 1), and one whose upper half counts.
  const std::int64_t mixed = (std::int64_t{3} << 32) | 4;  // 3 xor 4 = 7
  for (const std::int64_t id : {std::int64_t{15}, std::int64_t{33}, std::int64_t{16}, mixed}) {
    ASSERT_EQ(append(0, 1, {.id = id}), taken);
  }
  write_all();
  std::vector<std::int64_t> ids;
  const auto decoded = decode_snapshot(encode_snapshot(state_.written_entries()));
  ASSERT_TRUE(decoded.has_value());
  for (const auto& entry : *decoded) {
    ids.push_back(entry.id.value());
  }
  EXPECT_EQ(ids, (std::vector<std::int64_t>{16, 33, mixed, 15}));
}

TEST_F(ProducerStateTest, damaged_snapshots_are_known_as_such) {
  ASSERT_EQ(append(0, 1), taken);
  write_all();
  const auto good = encode_snapshot(state_.written_entries());
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto bytes = good;
    bytes[i] ^= std::byte{1};
    EXPECT_FALSE(decode_snapshot(bytes).has_value()) << i;
    bytes.resize(i);
    EXPECT_FALSE(decode_snapshot(bytes).has_value()) << i;
  }
  // The right CRC of a count that can't be.
  for (const std::int32_t count : {1'000'000'000, -1, 2, 0}) {
    auto bytes = good;
    store_be(bytes.data() + 6, count);
    store_be(bytes.data() + 2, crc32c(ByteView(bytes).subspan(6)));
    EXPECT_FALSE(decode_snapshot(bytes).has_value()) << count;
  }
}

}  // namespace
}  // namespace gregor::storage
