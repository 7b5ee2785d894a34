// Idempotent producers and transactions in a log: duplicates, failed writes, restarts, damage.
#include <gtest/gtest.h>

#include "storage/file_names.h"
#include "storage/producer_snapshot.h"
#include "storage/simulated_test_support.h"

namespace gregor::storage {
namespace {

using model::LeaderEpoch;
using model::Offset;
using model::ProducerEpoch;
using model::ProducerId;
using model::TimestampMs;
using test::Bytes;
using test::small_config;
using test::sim::CrashKind;

struct Shape {
  std::int64_t id = 7;
  std::int32_t sequence = 0;
  int records = 1;
  bool transactional = false;
  std::int64_t timestamp = 1000;
};

Bytes produced(const Shape& shape) {
  model::BatchBuilder builder({.producer_id = ProducerId(shape.id),
                               .producer_epoch = ProducerEpoch(0),
                               .base_sequence = shape.sequence,
                               .is_transactional = shape.transactional});
  for (int i = 0; i < shape.records; ++i) {
    builder.add({.timestamp = TimestampMs(shape.timestamp),
                 .key = as_bytes("k"),
                 .value = as_bytes("a value of some length")});
  }
  return *builder.finish();
}

class PartitionLogProducersTest : public ::testing::Test {
 protected:
  void open(std::shared_ptr<config::TopicConfig> config = small_config()) {
    const auto opened = host_.open(std::move(config));
    ASSERT_TRUE(opened.has_value()) << opened.error().detail;
    host_.log().set_high_watermark(host_.log().log_end());
  }
  AppendInfo append(const Shape& shape) {
    const auto appended = host_.append(produced(shape));
    EXPECT_TRUE(appended.has_value()) << appended.error().error.detail;
    host_.log().set_high_watermark(host_.log().log_end());
    return appended ? *appended : AppendInfo{};
  }
  ErrorCode refusal_of(const Shape& shape) {
    const auto appended = host_.append(produced(shape));
    if (appended) return ErrorCode::none;
    EXPECT_TRUE(appended.error().log_consulted);
    return appended.error().error.code;
  }
  AppendInfo end(std::int64_t id, bool is_commit) {
    const model::EndMarker marker{ProducerId(id), ProducerEpoch(0), 1, is_commit, {}};
    const auto appended = host_.wait(host_.log().append_end_marker(marker, LeaderEpoch(0)));
    EXPECT_TRUE(appended.has_value()) << appended.error().error.detail;
    host_.log().set_high_watermark(host_.log().log_end());
    return appended ? *appended : AppendInfo{};
  }
  [[nodiscard]] std::vector<AbortedTransaction> aborted(std::int64_t first, std::int64_t end) {
    const auto found = host_.wait(host_.log().aborted_transactions({Offset(first), Offset(end)}));
    EXPECT_TRUE(found.has_value()) << found.error().detail;
    return found ? *found : std::vector<AbortedTransaction>{};
  }
  /// Rolls several segments; transactions of 1 are committed, those of 2 aborted, 3's stays open.
  void fill_with_transactions() {
    std::int32_t sequence = 0;
    append({.id = 3, .transactional = true});
    for (int i = 0; i < 12; ++i) {
      for (int j = 0; j < 2; ++j) {
        append({.id = 1, .sequence = sequence, .records = 3, .transactional = true});
        append({.id = 2, .sequence = sequence, .records = 3, .transactional = true});
        append({.id = 4, .sequence = sequence, .records = 3});
        sequence += 3;
      }
      end(1, true);
      end(2, false);
    }
    ASSERT_GT(host_.log().segment_count(), 3u);
  }
  /// All that is known of producers and transactions, as text.
  [[nodiscard]] std::string knowledge() {
    std::string text = "stable " + std::to_string(host_.log().last_stable_offset().value());
    for (const auto& known : host_.log().producers()) {
      text += "\n" + std::to_string(known.id.value()) + " " + std::to_string(known.last_sequence) +
              " " + std::to_string(known.last_timestamp.value()) + " " +
              std::to_string(known.coordinator_epoch) + " " +
              std::to_string(known.transaction_start.value());
    }
    for (const auto& entry : aborted(0, 1'000'000)) {
      text += "\n" + std::to_string(entry.producer.value()) + " " +
              std::to_string(entry.first.value()) + " " + std::to_string(entry.last.value()) + " " +
              std::to_string(entry.last_stable.value());
    }
    return text;
  }
  [[nodiscard]] std::map<std::string, std::string> files_with(std::string_view suffix) {
    std::map<std::string, std::string> found;
    const auto entries = host_.files().list(host_.log_folder());
    for (const auto& entry : *entries) {
      if (!entry.name.ends_with(suffix)) continue;
      found[entry.name] =
          test::hex(test::read_file(host_.files(), host_.log_folder() + "/" + entry.name));
    }
    return found;
  }

  test::SimulatedHost host_;
};

TEST_F(PartitionLogProducersTest, a_duplicate_gets_the_answer_of_the_original) {
  open();
  append({.sequence = 0, .records = 3, .timestamp = 1234});
  append({.sequence = 3});
  const auto again = append({.sequence = 0, .records = 3, .timestamp = 1234});
  EXPECT_TRUE(again.is_duplicate);
  EXPECT_EQ(again.offsets, (model::OffsetRange{Offset(0), Offset(3)}));
  EXPECT_EQ(again.append_time, TimestampMs(1234));
  EXPECT_EQ(host_.log().log_end(), Offset(4));
  EXPECT_EQ(refusal_of({.sequence = 5}), ErrorCode::out_of_order_sequence_number);
  EXPECT_EQ(host_.log().log_end(), Offset(4));
  EXPECT_FALSE(append({.sequence = 4}).is_duplicate);
}

TEST_F(PartitionLogProducersTest, a_duplicate_of_what_is_being_written_waits_for_it) {
  open();
  append({.id = 9});
  Bytes first = produced({.sequence = 0});
  Bytes second = first;
  std::optional<AppendResult<AppendInfo>> results[2];
  host_.shard().post([&] {
    host_.start(host_.log().append(first, LeaderEpoch(0)), &results[0]);
    host_.start(host_.log().append(second, LeaderEpoch(0)), &results[1]);
    EXPECT_FALSE(results[1].has_value());
  });
  host_.settle();
  ASSERT_TRUE(results[0] && *results[0] && results[1] && *results[1]);
  EXPECT_FALSE((*results[0])->is_duplicate);
  EXPECT_TRUE((*results[1])->is_duplicate);
  EXPECT_EQ((*results[1])->offsets, (*results[0])->offsets);
  EXPECT_EQ(host_.log().log_end(), Offset(2));
}

TEST_F(PartitionLogProducersTest, a_failed_write_fails_its_duplicate_and_teaches_nothing) {
  open();
  append({.sequence = 0});
  host_.disk().set_bytes_max(host_.disk().bytes_used() + 10);
  Bytes first = produced({.sequence = 1});
  Bytes second = first;
  std::optional<AppendResult<AppendInfo>> results[2];
  host_.shard().post([&] {
    host_.start(host_.log().append(first, LeaderEpoch(0)), &results[0]);
    host_.start(host_.log().append(second, LeaderEpoch(0)), &results[1]);
  });
  host_.settle();
  for (const auto& result : results) {
    ASSERT_TRUE(result && !result->has_value());
    EXPECT_EQ(result->error().error.code, ErrorCode::kafka_storage_error);
  }
  host_.disk().set_bytes_max(UINT64_MAX);
  EXPECT_EQ(refusal_of({.sequence = 2}), ErrorCode::out_of_order_sequence_number);
  const auto info = append({.sequence = 1});
  EXPECT_FALSE(info.is_duplicate);
  EXPECT_EQ(info.offsets.first, Offset(1));
}

TEST_F(PartitionLogProducersTest, what_is_known_survives_stops_and_crashes) {
  open();
  fill_with_transactions();
  const auto known = knowledge();
  host_.stop();
  open();
  EXPECT_EQ(knowledge(), known);
  for (const auto kind : {CrashKind::kill, CrashKind::power}) {
    ASSERT_TRUE(host_.wait(host_.log().flush()).has_value());
    host_.crash(kind);
    open();
    EXPECT_EQ(knowledge(), known);
  }
  // A retry whose answer was lost.
  EXPECT_TRUE(append({.id = 4, .sequence = 69, .records = 3}).is_duplicate);
  EXPECT_FALSE(append({.id = 4, .sequence = 72}).is_duplicate);
}

TEST_F(PartitionLogProducersTest, there_is_a_snapshot_for_each_segment_and_the_end) {
  open();
  fill_with_transactions();
  const auto rolled = files_with(".snapshot");
  EXPECT_EQ(rolled.size(), host_.log().segment_count() - 1);
  EXPECT_FALSE(rolled.contains(segment_file_name(Offset(0), ".snapshot")));
  host_.stop();
  auto stopped = files_with(".snapshot");
  EXPECT_EQ(stopped.size(), rolled.size() + 1);
  // What is made anew after a loss of all of them has the same bytes.
  for (const auto& [name, bytes] : stopped) {
    ASSERT_TRUE(host_.files().remove(host_.log_folder() + "/" + name).has_value());
  }
  open();
  const auto known = knowledge();
  auto made = files_with(".snapshot");
  EXPECT_EQ(made.size(), 1u);
  EXPECT_EQ(made.begin()->second, stopped.rbegin()->second);
  // Nothing trusted: all snapshots and transaction indexes come from the log.
  const auto indexes = files_with(".txnindex");
  ASSERT_GT(indexes.size(), 2u);
  for (const auto& [name, bytes] : indexes) {
    ASSERT_TRUE(host_.files().remove(host_.log_folder() + "/" + name).has_value());
  }
  host_.crash(CrashKind::kill);
  ASSERT_TRUE(host_.files().remove("/data/recovery-point-offset-checkpoint").has_value());
  open();
  EXPECT_EQ(knowledge(), known);
  EXPECT_EQ(files_with(".snapshot"), stopped);
  EXPECT_EQ(files_with(".txnindex"), indexes);
}

TEST_F(PartitionLogProducersTest, damaged_snapshots_are_ignored_and_made_anew) {
  open();
  fill_with_transactions();
  const auto known = knowledge();
  host_.stop();
  const auto good = files_with(".snapshot");
  for (const bool all : {false, true}) {
    for (auto at = good.rbegin(); at != good.rend() && (all || at == good.rbegin()); ++at) {
      const auto path = host_.log_folder() + "/" + at->first;
      Bytes bytes = test::read_file(host_.files(), path);
      bytes[4] ^= std::byte{1};
      test::write_file(host_.files(), path, bytes);
    }
    open();
    EXPECT_EQ(knowledge(), known);
    EXPECT_EQ(files_with(".snapshot").rbegin()->second, good.rbegin()->second);
    host_.stop();
  }
}

TEST_F(PartitionLogProducersTest, snapshots_that_cant_be_true_are_made_anew) {
  open();
  fill_with_transactions();
  const auto known = knowledge();
  const Offset end = host_.log().log_end();
  host_.stop();
  const std::string path = snapshot_path(host_.log_folder(), end);
  const Bytes good = test::read_file(host_.files(), path);
  const auto entries = *decode_snapshot(good);
  for (int lie = 0; lie < 6; ++lie) {
    auto changed = entries;
    auto& entry = changed.front();
    RememberedBatch& batch = entry.batches[0];
    if (lie == 0) entry.transaction_start = end;
    if (lie == 1) batch.last = end;
    if (lie == 2) batch.offset_delta = -1;
    if (lie == 3) batch.offset_delta = static_cast<std::int32_t>(batch.last.value()) + 1;
    if (lie == 4) changed.push_back(entry);
    if (lie == 5) {
      for (auto& each : changed) each.transaction_start = Offset(0);
    }
    test::write_file(host_.files(), path, encode_snapshot(changed));
    open();
    EXPECT_EQ(knowledge(), known) << lie;
    EXPECT_EQ(test::read_file(host_.files(), path), good) << lie;
    host_.stop();
  }
}

TEST_F(PartitionLogProducersTest, a_damaged_transaction_index_is_built_anew) {
  open();
  fill_with_transactions();
  const auto known = knowledge();
  host_.stop();
  const auto good = files_with(".txnindex");
  for (int damage = 0; damage < 3; ++damage) {
    const auto path = host_.log_folder() + "/" + std::next(good.begin())->first;
    Bytes bytes = test::read_file(host_.files(), path);
    if (damage == 0) test::cut_tail(bytes, 5);
    if (damage == 1) bytes[1] = std::byte{9};
    if (damage == 2) bytes.insert(bytes.end(), bytes.begin(), bytes.begin() + 34);
    test::write_file(host_.files(), path, bytes);
    open();
    EXPECT_EQ(knowledge(), known) << damage;
    EXPECT_EQ(files_with(".txnindex"), good) << damage;
    host_.stop();
  }
}

TEST_F(PartitionLogProducersTest, snapshots_outside_of_the_log_or_older_than_the_newest_go) {
  open();
  for (int i = 0; i < 4; ++i) append({.sequence = i});
  host_.stop();
  const auto good = files_with(".snapshot");
  ASSERT_EQ(good.size(), 1u);
  const Bytes bytes = test::read_file(host_.files(), host_.segment_path(4, ".snapshot"));
  for (const std::int64_t at : {2, 3, 5, 99}) {
    test::write_file(host_.files(), host_.segment_path(at, ".snapshot"), bytes);
  }
  open();
  EXPECT_EQ(files_with(".snapshot"), good);
}

TEST_F(PartitionLogProducersTest, readers_of_committed_records_are_told_what_to_leave_out) {
  open();
  append({.id = 1, .transactional = true});  // 0
  append({.id = 2, .transactional = true});  // 1
  EXPECT_EQ(host_.log().last_stable_offset(), Offset(0));
  EXPECT_TRUE(host_.log().has_open_transaction(ProducerId(1)));
  EXPECT_EQ(end(1, false).offsets.first, Offset(2));
  EXPECT_EQ(host_.log().last_stable_offset(), Offset(1));
  append({.id = 1, .sequence = 1, .transactional = true});  // 3
  EXPECT_EQ(refusal_of({.id = 1, .sequence = 2}), ErrorCode::invalid_txn_state);
  end(2, false);  // 4
  end(1, true);   // 5
  EXPECT_EQ(host_.log().last_stable_offset(), Offset(6));
  EXPECT_FALSE(host_.log().has_open_transaction(ProducerId(1)));
  const AbortedTransaction first{ProducerId(1), Offset(0), Offset(2), Offset(1)};
  const AbortedTransaction second{ProducerId(2), Offset(1), Offset(4), Offset(3)};
  EXPECT_EQ(aborted(0, 6), (std::vector{first, second}));
  EXPECT_EQ(aborted(3, 6), std::vector{second});
  EXPECT_EQ(aborted(0, 1), std::vector{first});
  EXPECT_EQ(aborted(5, 6), std::vector<AbortedTransaction>{});
}

TEST_F(PartitionLogProducersTest, a_marker_beyond_the_high_watermark_makes_nothing_stable) {
  open();
  append({.id = 1, .transactional = true});
  const model::EndMarker marker{ProducerId(1), ProducerEpoch(0), 1, true, {}};
  ASSERT_TRUE(host_.wait(host_.log().append_end_marker(marker, LeaderEpoch(0))).has_value());
  EXPECT_EQ(host_.log().last_stable_offset(), Offset(0));
  host_.log().set_high_watermark(Offset(2));
  EXPECT_EQ(host_.log().last_stable_offset(), Offset(2));
}

TEST_F(PartitionLogProducersTest, the_end_of_a_read_bounds_its_records) {
  open();
  fill_with_transactions();
  for (int round = 0; round < 2; ++round) {  // from memory and from the indexes
    for (std::int64_t from = 0; from < host_.log().log_end().value(); from += 3) {
      const ReadRequest request{Offset(from), host_.log().log_end(), 700, true, true};
      const auto read = host_.wait(host_.log().read(request));
      ASSERT_TRUE(read.has_value()) << read.error().detail;
      const auto bytes = host_.read_all(Offset(from), host_.log().log_end(), 700);
      ASSERT_EQ(read->slices.size(), 1u);
      Bytes part(read->slices[0].size);
      ASSERT_TRUE(read->slices[0].file->read_at(read->slices[0].position, part).has_value());
      model::BatchCursor cursor(part);
      Offset end(0);
      for (auto batch = cursor.next(); batch && *batch; batch = cursor.next()) {
        end = (*batch)->next_offset();
      }
      EXPECT_GE(read->end, end);
      EXPECT_LE(read->end - end, 40) << "not a close one";
    }
    host_.stop();
    open();
  }
}

TEST_F(PartitionLogProducersTest, a_torn_end_after_a_clean_stop_is_not_held_against_its_producer) {
  open();
  append({.sequence = 0});
  append({.sequence = 1});
  host_.stop();
  const auto path = host_.segment_path(0, ".log");
  Bytes bytes = test::read_file(host_.files(), path);
  test::cut_tail(bytes, 3);
  test::write_file(host_.files(), path, bytes);
  open();
  EXPECT_FALSE(append({.sequence = 1}).is_duplicate);
  EXPECT_EQ(host_.log().log_end(), Offset(2));
}

TEST_F(PartitionLogProducersTest, the_limit_of_producers_is_kept) {
  const auto rules = std::make_shared<ProducerRules>();
  rules->ids_max = 10;
  rules->expiration_ms = INT64_MAX;  // the records are of 1970
  host_.set_producer_rules(rules);
  open();
  for (int id = 0; id < 100; ++id) append({.id = id});
  EXPECT_EQ(host_.log().producers().size(), 10u);
  EXPECT_EQ(rules->ids_count, 10);
  host_.stop();
  open();
  EXPECT_EQ(host_.log().producers().size(), 10u);
  EXPECT_TRUE(append({.id = 99}).is_duplicate);
  EXPECT_FALSE(append({.id = 0}).is_duplicate);
}

}  // namespace
}  // namespace gregor::storage
