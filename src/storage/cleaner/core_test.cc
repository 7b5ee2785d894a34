// The rules of compaction against a naive model: random logs with transactions, tombstones, codecs,
// restarts that lose the checkpoint, maps that are too small, a clock that jumps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "model/batch_builder.h"
#include "model/end_marker.h"
#include "model/record.h"
#include "storage/cleaner/batch_filter.h"

namespace gregor::storage {
namespace {

using model::Offset;
using model::ProducerEpoch;
using model::ProducerId;
using model::TimestampMs;
using Bytes = std::vector<std::byte>;

std::string text_of(const std::optional<ByteView>& bytes) {
  return bytes ? std::string(as_text(*bytes)) : "(null)";
}

/// A record as it went in.
struct Fact {
  std::string key;
  std::optional<std::string> value;
  std::int64_t timestamp = 0;
  bool is_aborted = false;
  Offset batch_last{0};
  bool operator==(const Fact&) const = default;
};

struct Log {
  std::vector<Bytes> batches;
  std::map<Offset, Fact> facts;
  std::vector<AbortedTransaction> aborted;
  std::map<ProducerId, ActiveProducer> producers;
  Offset end{0};
};

/// Writes random batches at the end of a log, and knows what becomes of them.
class Author {
 public:
  Author(Log& log, std::mt19937_64& random) : log_(log), random_(random) {}

  void write(int count) {
    for (int i = 0; i < count; ++i) {
      if (below(5) == 0) {
        transaction();
      } else {
        data(ProducerId(below(3) == 0 ? 100 + below(3) : -1), false, false);
      }
    }
  }

 private:
  std::int64_t below(std::uint64_t end) { return static_cast<std::int64_t>(random_() % end); }

  void append(Bytes batch) {
    model::set_base_offset(batch, log_.end);
    model::set_leader_epoch(batch, model::LeaderEpoch(7));
    log_.end = model::RecordBatchView::parse(batch)->next_offset();
    log_.batches.push_back(std::move(batch));
  }

  void data(ProducerId producer, bool is_transactional, bool is_aborted) {
    constexpr model::Codec codecs[] = {model::Codec::none, model::Codec::none,
                                       model::Codec::gzip, model::Codec::snappy,
                                       model::Codec::lz4,  model::Codec::zstd};
    model::BatchOptions options;
    options.codec = codecs[below(6)];
    options.producer_id = producer;
    if (producer >= ProducerId(0)) {
      options.producer_epoch = ProducerEpoch(1);
      options.base_sequence = sequence_[producer];
    }
    options.is_transactional = is_transactional;
    if (below(4) == 0) {
      options.timestamp_type = model::TimestampType::log_append_time;
      options.append_time = TimestampMs(5000 + below(1000));
    }
    model::BatchBuilder builder(options);
    const std::int64_t count = 1 + below(5);
    const Offset last = log_.end + count - 1;
    for (std::int64_t i = 0; i < count; ++i) {
      Fact fact;
      fact.key = "key" + std::to_string(below(12));
      if (below(4) != 0) fact.value = "value" + std::to_string(log_.end.value() + i);
      fact.timestamp = 1000 + below(100000);
      fact.is_aborted = is_aborted;
      fact.batch_last = last;
      builder.add({.timestamp = TimestampMs(fact.timestamp),
                   .key = as_bytes(fact.key),
                   .value = fact.value ? std::optional(as_bytes(*fact.value)) : std::nullopt});
      if (options.append_time >= TimestampMs(0)) fact.timestamp = options.append_time.value();
      log_.facts[log_.end + i] = fact;
    }
    if (producer >= ProducerId(0)) {
      sequence_[producer] += static_cast<std::int32_t>(count);
      log_.producers[producer] = {producer, ProducerEpoch(1), last};
    }
    append(*builder.finish());
  }

  void transaction() {
    const ProducerId producer(200 + below(3));
    const bool aborts = below(2) == 0;
    const Offset first = log_.end;
    const std::int64_t batches = 1 + below(3);
    for (std::int64_t i = 0; i < batches; ++i) {
      data(producer, true, aborts);
      if (below(3) == 0) data(ProducerId(-1), false, false);
    }
    model::EndMarker marker{producer, ProducerEpoch(1), 0, !aborts, TimestampMs(9000)};
    if (aborts) log_.aborted.push_back({producer, first, log_.end, log_.end + 1});
    append(model::make_end_marker_batch(marker));
  }

  Log& log_;
  std::mt19937_64& random_;
  std::map<ProducerId, std::int32_t> sequence_;
};

struct Survivor {
  Fact fact;
  std::optional<std::int64_t> horizon;
};

/// One seed: a log that grows and is compacted in turn.
class ModelRun {
 public:
  explicit ModelRun(std::uint64_t seed) : random_(seed), author_(log_, random_) {}

  void run() {
    for (int round = 0; round < 8 && !::testing::Test::HasFailure(); ++round) {
      author_.write(static_cast<int>(random_() % 25));
      now_ += static_cast<std::int64_t>(random_() % 4000) - 1000;  // now and then it goes back
      if (random_() % 5 == 0) checkpoint_ = Offset(0);             // a checkpoint that got lost
      clean();
    }
  }

  int dropped_tombstones = 0;
  int dropped_markers = 0;
  int emptied = 0;

 private:
  [[nodiscard]] std::vector<ActiveProducer> active() {
    std::vector<ActiveProducer> all;
    for (const auto& [id, producer] : log_.producers) all.push_back(producer);
    return all;
  }

  void clean() {
    if (log_.batches.empty()) return;
    const std::uint64_t keys_max = random_() % 3 == 0 ? 5 + random_() % 3 : 50;
    OffsetMap map(64, keys_max, {random_(), random_()});
    KeyCollector collector(map, checkpoint_, log_.aborted);
    const Offset read_from(static_cast<std::int64_t>(
        random_() % static_cast<std::uint64_t>(checkpoint_.value() + 1)));  // a segment's base
    for (const Bytes& bytes : log_.batches) {
      const auto batch = *model::RecordBatchView::parse(bytes);
      if (batch.last_offset() < read_from) continue;
      const auto added = collector.add(batch);
      ASSERT_TRUE(added.has_value()) << added.error().detail;
      if (!*added) break;
    }
    const Offset end = collector.end();
    BatchFilter filter(map, {end, TimestampMs(now_), retention_ms_, active()}, log_.aborted);
    std::vector<Bytes> kept;
    for (std::size_t i = 0; i < log_.batches.size(); ++i) {
      const auto batch = *model::RecordBatchView::parse(log_.batches[i]);
      const bool is_last = i + 1 == log_.batches.size();
      const auto left = filter.filter(batch, is_last);
      ASSERT_TRUE(left.has_value()) << left.error().detail;
      check_header(batch, *left, is_last || batch.last_offset() >= end);
      if (!left->empty()) kept.emplace_back(left->begin(), left->end());
    }
    const auto needed = filter.take_needed();
    check_records(kept, end);
    check_transactions(kept, needed);
    log_.batches = std::move(kept);
    log_.aborted = needed;
    checkpoint_ = end;
  }

  void check_header(const model::RecordBatchView& before, ByteView left, bool must_stay) {
    const auto producer = log_.producers.find(before.producer_id());
    const bool is_remembered =
        producer != log_.producers.end() && before.last_offset() == producer->second.last_data;
    if (left.empty()) {
      EXPECT_FALSE(is_remembered || must_stay);
      dropped_markers += before.is_control();
      return;
    }
    const auto after = model::RecordBatchView::parse(left);
    ASSERT_TRUE(after.has_value());
    ASSERT_EQ(after->size_bytes(), left.size());
    EXPECT_TRUE(after->crc_is_valid());
    EXPECT_EQ(after->base_offset(), before.base_offset());
    EXPECT_EQ(after->last_offset(), before.last_offset());
    EXPECT_EQ(after->leader_epoch(), before.leader_epoch());
    EXPECT_EQ(after->producer_id(), before.producer_id());
    EXPECT_EQ(after->producer_epoch(), before.producer_epoch());
    EXPECT_EQ(after->base_sequence(), before.base_sequence());
    EXPECT_EQ(after->is_transactional(), before.is_transactional());
    EXPECT_EQ(after->is_control(), before.is_control());
    EXPECT_EQ(after->timestamp_type(), before.timestamp_type());
    if (after->record_count() > 0) {
      EXPECT_EQ(after->codec(), before.codec());
    }
    if (after->record_count() == 0) ++emptied;
    // An empty batch stays only where it is needed.
    if (after->record_count() == 0) {
      EXPECT_TRUE(is_remembered || must_stay);
    }
  }

  std::map<Offset, Survivor> survivors_of(const std::vector<Bytes>& batches) {
    std::map<Offset, Survivor> found;
    for (const Bytes& bytes : batches) {
      const auto batch = *model::RecordBatchView::parse(bytes);
      if (batch.is_control()) continue;
      const auto plain = model::inflate_records(batch);
      EXPECT_TRUE(plain.has_value());
      model::RecordCursor records(*plain);
      TimestampMs largest(-1);
      for (auto record = records.next(); record && *record; record = records.next()) {
        Survivor survivor;
        const Offset offset = batch.base_offset() + (*record)->offset_delta();
        survivor.fact.key = text_of((*record)->key());
        if ((*record)->value()) survivor.fact.value = text_of((*record)->value());
        survivor.fact.timestamp = model::record_timestamp(batch, **record).value();
        survivor.fact.batch_last = batch.last_offset();
        largest = std::max(largest, TimestampMs(survivor.fact.timestamp));
        if (batch.has_delete_horizon()) survivor.horizon = batch.base_timestamp().value();
        EXPECT_TRUE(found.emplace(offset, survivor).second);
      }
      if (batch.record_count() > 0) {
        EXPECT_EQ(batch.max_timestamp(), largest);
      }
    }
    return found;
  }

  /// What the naive model says of each record of the log as it was before.
  void check_records(const std::vector<Bytes>& kept, Offset end) {
    const auto before = survivors_of(log_.batches);
    const auto after = survivors_of(kept);
    std::map<std::string, Offset> last;  // of each key, of what counts
    std::set<std::string> later;         // keys of the batch that the map had no room for
    std::optional<Offset> partial;
    for (const auto& [offset, survivor] : before) {
      if (log_.facts.at(offset).is_aborted) continue;
      if (offset < end) last[survivor.fact.key] = offset;
      if (offset < end) continue;
      if (!partial) partial = survivor.fact.batch_last;
      if (survivor.fact.batch_last == *partial) later.insert(survivor.fact.key);
    }
    for (const auto& [offset, survivor] : before) {
      const Fact& fact = log_.facts.at(offset);
      bool stays = offset >= end;
      const bool is_past = survivor.horizon && now_ >= *survivor.horizon;
      if (!stays && !fact.is_aborted) {
        stays = last.at(fact.key) == offset && (fact.value || !is_past);
        dropped_tombstones += last.at(fact.key) == offset && !stays;
      }
      const auto found = after.find(offset);
      // A map that became full in the middle of a batch knows keys of that batch.
      const bool may_go = stays && offset < end && later.contains(fact.key);
      if (found == after.end() && may_go) continue;
      EXPECT_EQ(found != after.end(), stays) << "offset " << offset.value();
      if (found == after.end()) continue;
      Fact expected = fact;
      expected.is_aborted = false;
      EXPECT_EQ(found->second.fact, expected) << "offset " << offset.value();
      if (offset >= end) continue;
      if (!fact.value) {
        EXPECT_TRUE(found->second.horizon.has_value());
      }
      if (survivor.horizon) {
        EXPECT_EQ(found->second.horizon, survivor.horizon);
      }
      if (!survivor.horizon && found->second.horizon) {
        EXPECT_EQ(*found->second.horizon, now_ + retention_ms_);
      }
    }
    EXPECT_LE(after.size(), before.size());
  }

  /// Each transaction of which data is left has its marker, and, if it was aborted, its entry.
  void check_transactions(const std::vector<Bytes>& kept,
                          const std::vector<AbortedTransaction>& needed) {
    std::set<ProducerId> open;
    for (const Bytes& bytes : kept) {
      const auto batch = *model::RecordBatchView::parse(bytes);
      if (!batch.is_transactional()) continue;
      if (batch.is_control()) {
        open.erase(batch.producer_id());
        continue;
      }
      if (batch.record_count() == 0) continue;
      open.insert(batch.producer_id());
      if (!log_.facts.at(batch.last_offset()).is_aborted) continue;
      EXPECT_THAT(
          needed,
          testing::Contains(testing::AllOf(
              testing::Field(&AbortedTransaction::producer, batch.producer_id()),
              testing::Field(&AbortedTransaction::first, testing::Le(batch.base_offset())),
              testing::Field(&AbortedTransaction::last, testing::Gt(batch.last_offset())))));
    }
    EXPECT_TRUE(open.empty());
  }

  Log log_;
  std::mt19937_64 random_;
  Author author_;
  Offset checkpoint_{0};
  std::int64_t now_ = 1'000'000;
  const std::int64_t retention_ms_ = 1500;
};

TEST(CompactionModelTest, leaves_what_a_map_would) {
  int tombstones = 0;
  int markers = 0;
  int emptied = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ModelRun run(seed);
    run.run();
    if (HasFailure()) return;
    tombstones += run.dropped_tombstones;
    markers += run.dropped_markers;
    emptied += run.emptied;
  }
  EXPECT_GT(tombstones, 200);
  EXPECT_GT(markers, 200);
  EXPECT_GT(emptied, 200);
}

Bytes single(const std::string& key, std::optional<std::string> value, std::int64_t offset,
             model::BatchOptions options = {}) {
  options.base_offset = Offset(offset);
  model::BatchBuilder builder(options);
  builder.add({.timestamp = TimestampMs(1000),
               .key = as_bytes(key),
               .value = value ? std::optional(as_bytes(*value)) : std::nullopt});
  return *builder.finish();
}

/// Filters one batch with nothing in the map. @return a copy
Bytes filtered(const Bytes& bytes, std::int64_t now, std::vector<ActiveProducer> producers = {},
               std::vector<AbortedTransaction> aborted = {}) {
  const OffsetMap map(8, 4, {});
  BatchFilter filter(map, {Offset(1000), TimestampMs(now), 100, std::move(producers)},
                     std::move(aborted));
  const auto left = filter.filter(*model::RecordBatchView::parse(bytes), false);
  EXPECT_TRUE(left.has_value());
  return {left->begin(), left->end()};
}

TEST(CompactionTest, a_tombstone_gets_a_horizon_and_goes_when_it_is_reached) {
  const Bytes marked = filtered(single("k", std::nullopt, 5), 2000);
  const auto batch = *model::RecordBatchView::parse(marked);
  EXPECT_TRUE(batch.has_delete_horizon());
  EXPECT_EQ(batch.base_timestamp(), TimestampMs(2100));
  EXPECT_EQ(batch.max_timestamp(), TimestampMs(1000));
  EXPECT_EQ(filtered(marked, 2099), marked);
  EXPECT_TRUE(filtered(marked, 2100).empty());
}

TEST(CompactionTest, a_marker_of_nothing_gets_a_horizon_and_goes_unless_it_tells_an_epoch) {
  Bytes marker =
      model::make_end_marker_batch({ProducerId(9), ProducerEpoch(2), 0, true, TimestampMs(1000)});
  const Bytes marked = filtered(marker, 2000);
  EXPECT_TRUE(model::RecordBatchView::parse(marked)->has_delete_horizon());
  EXPECT_TRUE(filtered(marked, 2100).empty());
  const ActiveProducer fenced{ProducerId(9), ProducerEpoch(2), std::nullopt};
  const Bytes left = filtered(marked, 2100, {fenced});
  EXPECT_EQ(model::RecordBatchView::parse(left)->record_count(), 0);
  EXPECT_EQ(model::RecordBatchView::parse(left)->producer_epoch(), ProducerEpoch(2));
}

TEST(CompactionTest, an_empty_batch_that_has_to_stay_is_left_as_it_is) {
  const ActiveProducer producer{ProducerId(9), ProducerEpoch(2), Offset(5)};
  const AbortedTransaction aborted{ProducerId(9), Offset(5), Offset(6), Offset(7)};
  model::BatchOptions options;
  options.codec = model::Codec::zstd;
  options.producer_id = ProducerId(9);
  options.producer_epoch = ProducerEpoch(2);
  options.base_sequence = 17;
  options.is_transactional = true;
  const Bytes empty = filtered(single("k", "v", 5, options), 1, {producer}, {aborted});
  const auto batch = *model::RecordBatchView::parse(empty);
  EXPECT_EQ(batch.size_bytes(), model::batch_layout::header_bytes);
  EXPECT_EQ(batch.base_sequence(), 17);
  EXPECT_EQ(batch.codec(), model::Codec::none);
  EXPECT_TRUE(batch.crc_is_valid());
  EXPECT_EQ(filtered(empty, 1, {producer}, {aborted}), empty);
  EXPECT_TRUE(filtered(empty, 1, {}, {aborted}).empty());
}

TEST(CompactionTest, damage_inside_of_a_batch_is_an_error) {
  Bytes batch = single("k", "v", 5);
  store_be<std::int32_t>(batch.data() + model::batch_layout::record_count_at, 2);
  OffsetMap map(8, 4, {});
  KeyCollector collector(map, Offset(0), {});
  const auto added = collector.add(*model::RecordBatchView::parse(batch));
  ASSERT_FALSE(added.has_value());
  EXPECT_EQ(added.error().code, ErrorCode::corrupt_message);
}

TEST(OffsetMapTest, keys_that_fall_into_one_slot_are_told_apart) {
  OffsetMap map(101, 100, {1, 2});
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(map.put(as_bytes("key" + std::to_string(i)), Offset(i)));
  }
  EXPECT_FALSE(map.put(as_bytes("one more"), Offset(100)));
  EXPECT_TRUE(map.put(as_bytes("key7"), Offset(200)));
  EXPECT_EQ(map.size(), 100U);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(map.find(as_bytes("key" + std::to_string(i))), Offset(i == 7 ? 200 : i));
  }
  EXPECT_EQ(map.find(as_bytes("one more")), Offset(-1));
}

TEST(KeyHashTest, is_what_the_authors_of_siphash_publish) {
  const HashSecret secret{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  const KeyHash nothing = hash_key(secret, {});
  EXPECT_EQ(nothing.low, 0xe6a825ba047f81a3);
  EXPECT_EQ(nothing.high, 0x930255c71472f66d);
  const std::byte zero{0};
  const KeyHash one = hash_key(secret, ByteView(&zero, 1));
  EXPECT_EQ(one.low, 0x44af996bd8c187da);
  EXPECT_EQ(one.high, 0x45fc229b11597634);
}

}  // namespace
}  // namespace gregor::storage
