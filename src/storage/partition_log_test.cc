// The log on a simulated machine: appending, rolling, reading, lookups.
#include "storage/partition_log.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "storage/index_file.h"
#include "storage/simulated_test_support.h"

namespace gregor::storage {
namespace {

using model::LeaderEpoch;
using model::Offset;
using model::TimestampMs;
using test::Bytes;
using test::make_batch;
using test::small_config;
using test::stored_batch;
using test::sim::FileOperation;

class PartitionLogTest : public ::testing::Test {
 protected:
  void open(std::shared_ptr<config::TopicConfig> config = small_config()) {
    config_ = std::move(config);
    const auto opened = host_.open(config_);
    ASSERT_TRUE(opened.has_value()) << opened.error().detail;
  }
  AppendInfo append(const Bytes& batch, std::int32_t epoch = 0) {
    auto appended = host_.append(batch, epoch);
    EXPECT_TRUE(appended.has_value()) << appended.error().error.detail;
    return appended ? *appended : AppendInfo{};
  }
  /// Appends `count` batches of 3 records; the stored bytes are kept in expected_.
  void fill(int count) {
    for (int i = 0; i < count; ++i) {
      const test::BatchShape shape{.records = 3, .timestamp = 1000 + 10 * i};
      const auto info = append(make_batch(shape));
      test::append_to(expected_, stored_batch(info.offsets.first.value(), shape));
    }
  }
  ErrorCode refusal_of(Bytes batch) {
    const Offset end = host_.log().log_end();
    const auto appended = host_.append(std::move(batch));
    EXPECT_FALSE(appended.has_value());
    EXPECT_EQ(host_.log().log_end(), end);
    return appended ? ErrorCode::none : appended.error().error.code;
  }
  void expect_all_readable() {
    const auto read = host_.read_all(host_.log().log_start(), host_.log().log_end());
    ASSERT_TRUE(read.has_value()) << read.error().detail;
    EXPECT_TRUE(*read == expected_);
  }

  test::SimulatedHost host_;
  std::shared_ptr<config::TopicConfig> config_;
  Bytes expected_;
};

TEST_F(PartitionLogTest, what_is_appended_is_read_back) {
  open();
  fill(50);
  EXPECT_EQ(host_.log().log_end(), Offset(150));
  EXPECT_GT(host_.log().segment_count(), 2u);
  EXPECT_EQ(host_.log().size_bytes(), expected_.size());
  expect_all_readable();
  host_.stop();
  open();
  EXPECT_EQ(host_.log().log_end(), Offset(150));
  expect_all_readable();
  fill(10);
  expect_all_readable();
}

TEST_F(PartitionLogTest, a_clean_start_reads_no_log) {
  open();
  fill(50);
  host_.stop();
  const auto reads = host_.disk().count(FileOperation::read);
  const auto opens = host_.disk().count(FileOperation::open);
  open();
  // meta and the cleaner's checkpoint are absent; two checkpoints, partition.metadata, the epochs
  // and the newest producer snapshot are read, and no segment.
  EXPECT_LE(host_.disk().count(FileOperation::open) - opens, 8u);
  EXPECT_LE(host_.disk().count(FileOperation::read) - reads, 6u);
  EXPECT_EQ(host_.log().log_end(), Offset(150));
  EXPECT_EQ(host_.log().recovery_point(), Offset(150));
}

TEST_F(PartitionLogTest, appends_of_one_turn_leave_in_one_write) {
  open(std::make_shared<config::TopicConfig>());
  append(make_batch());
  std::vector<Bytes> batches(20, make_batch({.records = 2}));
  std::vector<std::optional<AppendResult<AppendInfo>>> results(batches.size());
  const auto writes = host_.disk().count(FileOperation::write);
  host_.shard().post([&] {
    for (std::size_t i = 0; i < batches.size(); ++i) {
      host_.start(host_.log().append(batches[i], LeaderEpoch(0)), &results[i]);
    }
  });
  host_.settle();
  EXPECT_EQ(host_.disk().count(FileOperation::write) - writes, 1u);
  for (std::size_t i = 0; i < batches.size(); ++i) {
    ASSERT_TRUE(results[i] && results[i]->has_value());
    EXPECT_EQ((**results[i]).offsets.first, Offset(1 + 2 * static_cast<std::int64_t>(i)));
  }
}

TEST_F(PartitionLogTest, appends_are_staged_in_the_order_of_their_calls) {
  auto config = std::make_shared<config::TopicConfig>();
  config->compression_type = "lz4";  // those without lz4 go through the I/O pool
  open(config);
  host_.settle();
  std::vector<Bytes> batches;
  for (int i = 0; i < 30; ++i) {
    batches.push_back(make_batch(
        {.timestamp = 1000 + i, .codec = i % 3 == 0 ? model::Codec::lz4 : model::Codec::none}));
  }
  std::vector<std::optional<AppendResult<AppendInfo>>> results(batches.size());
  host_.shard().post([&] {
    for (std::size_t i = 0; i < batches.size(); ++i) {
      host_.start(host_.log().append(batches[i], LeaderEpoch(0)), &results[i]);
    }
  });
  host_.settle();
  for (std::size_t i = 0; i < batches.size(); ++i) {
    ASSERT_TRUE(results[i] && results[i]->has_value());
    EXPECT_EQ((**results[i]).offsets.first, Offset(static_cast<std::int64_t>(i)));
  }
  const auto all = host_.read_all(Offset(0), Offset(30));
  model::BatchCursor cursor(*all);
  for (int i = 0; i < 30; ++i) {
    const auto batch = cursor.next();
    ASSERT_TRUE(batch && *batch);
    EXPECT_EQ((*batch)->codec(), model::Codec::lz4);
    EXPECT_EQ((*batch)->base_offset(), Offset(i));
    EXPECT_EQ((*batch)->max_timestamp(), TimestampMs(1000 + i));
    EXPECT_TRUE((*batch)->crc_is_valid());
  }
}

TEST_F(PartitionLogTest, all_codecs_are_kept_or_changed_as_the_topic_asks) {
  using model::Codec;
  for (const auto* wanted : {"producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"}) {
    auto config = std::make_shared<config::TopicConfig>();
    config->compression_type = wanted;
    if (!host_.has_log()) open(config);
    host_.log().set_config(config);
    for (const Codec codec : {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
      const auto info = append(make_batch({.records = 200, .value_bytes = 100, .codec = codec}));
      const auto bytes = host_.read_all(info.offsets.first, info.offsets.end);
      ASSERT_TRUE(bytes.has_value()) << bytes.error().detail;
      const auto batch = model::RecordBatchView::parse(*bytes);
      const std::string expected = std::string(wanted) == "producer"
                                       ? std::string(codec_name(codec))
                                   : std::string(wanted) == "uncompressed" ? "none"
                                                                           : wanted;
      EXPECT_EQ(codec_name(*batch->codec()), expected);
      EXPECT_EQ(batch->record_count(), 200);
      EXPECT_TRUE(batch->crc_is_valid());
    }
  }
}

TEST_F(PartitionLogTest, log_append_time_is_written_and_answered) {
  auto config = small_config();
  config->message_timestamp_type = config::TimestampType::log_append_time;
  open(config);
  const std::int64_t now = host_.shard().clock().wall_ms();
  const auto info = append(make_batch({.records = 3, .timestamp = 5}));
  EXPECT_EQ(info.append_time, TimestampMs(now));
  const auto bytes = host_.read_all(Offset(0), Offset(3));
  const auto batch = model::RecordBatchView::parse(*bytes);
  EXPECT_EQ(batch->timestamp_type(), model::TimestampType::log_append_time);
  EXPECT_EQ(batch->max_timestamp(), TimestampMs(now));
  EXPECT_TRUE(batch->crc_is_valid());
  const auto found = host_.wait(host_.log().offset_of_max_timestamp(Offset(3)));
  EXPECT_EQ(found->offset, Offset(0));
}

TEST_F(PartitionLogTest, a_wrong_max_timestamp_is_put_right) {
  open();
  Bytes batch = make_batch({.records = 2, .timestamp = 500});
  store_be<std::int64_t>(batch.data() + model::batch_layout::max_timestamp_at, 99999);
  store_be(batch.data() + model::batch_layout::crc_at,
           model::RecordBatchView::parse(batch)->computed_crc());
  append(batch);
  const auto bytes = host_.read_all(Offset(0), Offset(2));
  const auto stored = model::RecordBatchView::parse(*bytes);
  EXPECT_EQ(stored->max_timestamp(), TimestampMs(501));
  EXPECT_TRUE(stored->crc_is_valid());
}

TEST_F(PartitionLogTest, what_does_not_belong_into_a_log_is_refused) {
  open();
  append(make_batch());
  Bytes garbage = make_batch();
  for (int tail = 1; tail <= 11; ++tail) {
    garbage.push_back(std::byte{0xee});
    append(garbage);  // 1 to 11 bytes behind the batch are cut off
  }
  garbage.push_back(std::byte{0xee});
  EXPECT_EQ(refusal_of(garbage), ErrorCode::corrupt_message);
  Bytes two = make_batch();
  test::append_to(two, make_batch());
  EXPECT_EQ(refusal_of(two), ErrorCode::invalid_record);
  EXPECT_EQ(refusal_of({}), ErrorCode::invalid_record);
  Bytes flipped = make_batch();
  flipped.back() ^= std::byte{1};
  EXPECT_EQ(refusal_of(flipped), ErrorCode::corrupt_message);
  EXPECT_EQ(refusal_of(stored_batch(5)), ErrorCode::invalid_record);
  EXPECT_EQ(refusal_of(make_batch({.value_bytes = 1950})), ErrorCode::record_list_too_large);
  config_->max_message_bytes = 1000;
  EXPECT_EQ(refusal_of(make_batch({.value_bytes = 1000})), ErrorCode::message_too_large);
  const auto read = host_.read_all(Offset(0), host_.log().log_end());
  EXPECT_TRUE(read.has_value());
}

TEST_F(PartitionLogTest, a_null_key_in_a_compacted_topic_is_named) {
  auto config = small_config();
  config->cleanup_compact = true;
  open(config);
  model::BatchBuilder builder({});
  builder.add({.timestamp = TimestampMs(1),
               .key = as_bytes("k"),
               .value = {},
               .headers = {},
               .offset_delta = {}});
  builder.add(
      {.timestamp = TimestampMs(1), .key = {}, .value = {}, .headers = {}, .offset_delta = {}});
  const auto appended = host_.append(*builder.finish());
  ASSERT_FALSE(appended.has_value());
  EXPECT_EQ(appended.error().error.code, ErrorCode::invalid_record);
  EXPECT_TRUE(appended.error().log_consulted);
  ASSERT_EQ(appended.error().records.size(), 1u);
  EXPECT_EQ(appended.error().records[0].index, 1);
}

TEST_F(PartitionLogTest, segments_roll_before_they_would_grow_too_large) {
  open();
  const auto batch = make_batch({.value_bytes = 400});
  const auto per_segment = 2000 / batch.size();
  for (std::size_t i = 0; i < 3 * per_segment; ++i) append(batch);
  EXPECT_EQ(host_.log().segment_count(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto path = host_.segment_path(static_cast<std::int64_t>(i * per_segment), ".log");
    EXPECT_EQ(host_.files().stat(path)->size, per_segment * batch.size());
  }
}

TEST_F(PartitionLogTest, segments_roll_by_the_timestamps_of_their_records) {
  auto config = std::make_shared<config::TopicConfig>();
  config->segment_ms = 1000;
  open(config);
  append(make_batch({.timestamp = 5000}));
  append(make_batch({.timestamp = 6000}));
  EXPECT_EQ(host_.log().segment_count(), 1u);
  append(make_batch({.timestamp = 6001}));
  EXPECT_EQ(host_.log().segment_count(), 2u);
  host_.stop();
  open(config);
  append(make_batch({.timestamp = 7001}));  // the first batch's time is known after a start as well
  EXPECT_EQ(host_.log().segment_count(), 2u);
  append(make_batch({.timestamp = 7002}));
  EXPECT_EQ(host_.log().segment_count(), 3u);
}

TEST_F(PartitionLogTest, segments_without_timestamps_roll_by_the_clock) {
  auto config = std::make_shared<config::TopicConfig>();
  config->segment_ms = 1000;
  open(config);
  append(make_batch({.timestamp = -1}));
  append(make_batch({.timestamp = -1}));
  EXPECT_EQ(host_.log().segment_count(), 1u);
  host_.world().run_for(std::chrono::milliseconds(1001));
  append(make_batch({.timestamp = -1}));
  EXPECT_EQ(host_.log().segment_count(), 2u);
}

TEST_F(PartitionLogTest, segments_roll_when_an_index_is_full) {
  auto config = std::make_shared<config::TopicConfig>();
  config->segment_index_bytes = 100;  // 12 offset entries, 8 time entries of which 1 is kept back
  config->index_interval_bytes = 0;
  open(config);
  for (int i = 0; i < 8; ++i) append(make_batch({.timestamp = 1000 + i}));
  EXPECT_EQ(host_.log().segment_count(), 1u);  // 7 entries of each
  append(make_batch({.timestamp = 2000}));
  EXPECT_EQ(host_.log().segment_count(), 2u);
  for (int i = 0; i < 12; ++i) append(make_batch({.timestamp = 500}));
  EXPECT_EQ(host_.log().segment_count(), 2u);  // no larger timestamp, no time entries
  append(make_batch({.timestamp = 500}));
  EXPECT_EQ(host_.log().segment_count(), 3u);
}

TEST_F(PartitionLogTest, a_roll_is_followed_by_the_recovery_point) {
  open();
  fill(50);
  host_.settle();
  EXPECT_GT(host_.log().recovery_point(), Offset(100));
  EXPECT_LT(host_.log().recovery_point(), Offset(150));
  const auto flushed = host_.wait(host_.log().flush());
  EXPECT_TRUE(flushed.has_value());
  EXPECT_EQ(host_.log().recovery_point(), Offset(150));
}

TEST_F(PartitionLogTest, reads_keep_to_their_limits) {
  open();
  fill(6);
  const std::uint64_t batch_bytes = expected_.size() / 6;
  const auto read = [this](std::int64_t from, std::int64_t end, std::uint64_t bytes, bool whole) {
    return *host_.wait(host_.log().read({Offset(from), Offset(end), bytes, whole}));
  };
  for (const bool is_hot : {true, false}) {
    SCOPED_TRACE(is_hot);
    EXPECT_EQ(read(0, 18, 10, true).size, batch_bytes);
    EXPECT_EQ(read(0, 18, 0, true).size, batch_bytes);
    EXPECT_EQ(read(0, 18, 10, false).size, 0u);
    EXPECT_EQ(read(0, 18, 10, false).first_batch_bytes, batch_bytes);
    EXPECT_EQ(read(0, 18, batch_bytes + 10, false).size, batch_bytes + 10);  // the cut is soft
    EXPECT_EQ(read(0, 18, 1 << 20, false).size, 6 * batch_bytes);
    EXPECT_EQ(read(4, 18, 1 << 20, false).first, Offset(3));
    EXPECT_EQ(read(4, 18, 1 << 20, false).size, 5 * batch_bytes);
    EXPECT_EQ(read(3, 9, 1 << 20, false).size, 2 * batch_bytes);
    EXPECT_EQ(read(3, 10, 1 << 20, false).size, 2 * batch_bytes);  // 9 to 11 ends behind 10
    EXPECT_EQ(read(9, 10, 1 << 20, true).size, 0u);
    EXPECT_EQ(read(18, 18, 1 << 20, true).size, 0u);
    EXPECT_EQ(read(6, 6, 1 << 20, true).size, 0u);
    EXPECT_TRUE(read(18, 18, 1 << 20, true).slices.empty());
    host_.stop();
    open();
  }
}

TEST_F(PartitionLogTest, reads_out_of_range_are_refused) {
  open();
  fill(2);
  for (const std::int64_t offset : {-1, 7, -2}) {
    const auto read = host_.wait(host_.log().read({Offset(offset), Offset(6), 1, true}));
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().code, ErrorCode::offset_out_of_range);
  }
}

TEST_F(PartitionLogTest, a_reader_at_the_end_costs_no_look_at_the_disk) {
  open(std::make_shared<config::TopicConfig>());
  fill(100);
  const auto reads = host_.disk().count(FileOperation::read);
  const auto before = host_.world().now();
  for (std::int64_t offset = 0; offset < 300; ++offset) {
    const auto read = host_.wait(host_.log().read({Offset(offset), Offset(300), 1 << 20, true}));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->first, Offset(offset - offset % 3));
  }
  EXPECT_EQ(host_.disk().count(FileOperation::read), reads);
  EXPECT_EQ(host_.world().now(), before);  // nothing went through the I/O pool
}

TEST_F(PartitionLogTest, every_offset_is_found_hot_and_cold) {
  open();
  fill(300);  // more than the tail cache holds
  for (int round = 0; round < 2; ++round) {
    for (std::int64_t offset = 0; offset < 900; offset += 7) {
      const auto read = host_.wait(host_.log().read({Offset(offset), Offset(900), 1, true}));
      ASSERT_TRUE(read.has_value()) << read.error().detail;
      EXPECT_EQ(read->first, Offset(offset - offset % 3));
      EXPECT_EQ(read->size, expected_.size() / 300);
    }
    host_.stop();
    open();
  }
}

TEST_F(PartitionLogTest, lookups_by_time_are_exact_for_every_record) {
  open();
  // Timestamps that go back now and then, over several segments.
  std::vector<std::int64_t> timestamps;
  for (int i = 0; i < 60; ++i) {
    const std::int64_t first = 1000 + 10 * i - (i % 7 == 2 ? 35 : 0);
    append(make_batch({.records = 3, .timestamp = first}));
    for (int r = 0; r < 3; ++r) timestamps.push_back(first + r);
  }
  ASSERT_GT(host_.log().segment_count(), 2u);
  const auto expected = [&](std::int64_t asked, std::int64_t end) {
    for (std::size_t i = 0; i < timestamps.size(); ++i) {
      if (timestamps[i] >= asked)
        return static_cast<std::int64_t>(i) < end ? Offset(static_cast<std::int64_t>(i))
                                                  : Offset(-1);
    }
    return Offset(-1);
  };
  for (int round = 0; round < 2; ++round) {
    for (std::int64_t asked = 990; asked < 1620; ++asked) {
      const auto found = host_.wait(host_.log().offset_for_time(TimestampMs(asked), Offset(180)));
      ASSERT_TRUE(found.has_value()) << found.error().detail;
      ASSERT_EQ(found->offset, expected(asked, 180)) << asked;
      ASSERT_TRUE(found->offset < Offset(0) ||
                  found->timestamp ==
                      TimestampMs(timestamps[static_cast<std::size_t>(found->offset.value())]));
    }
    const auto bounded = host_.wait(host_.log().offset_for_time(TimestampMs(1300), Offset(50)));
    EXPECT_EQ(bounded->offset, Offset(-1));
    const auto max = host_.wait(host_.log().offset_of_max_timestamp(Offset(180)));
    EXPECT_EQ(max->offset, Offset(179));
    EXPECT_EQ(max->leader_epoch, LeaderEpoch(0));
    const auto beyond = host_.wait(host_.log().offset_of_max_timestamp(Offset(179)));
    EXPECT_EQ(beyond->offset, Offset(-1));
    host_.stop();
    open();
  }
}

TEST_F(PartitionLogTest, of_equal_max_timestamps_the_earliest_counts) {
  open();
  const auto append_times = [this](std::vector<std::int64_t> times) {
    model::BatchBuilder builder({});
    for (const auto time : times) {
      builder.add({.timestamp = TimestampMs(time),
                   .key = {},
                   .value = {},
                   .headers = {},
                   .offset_delta = {}});
    }
    append(*builder.finish());
  };
  EXPECT_EQ(host_.wait(host_.log().offset_of_max_timestamp(Offset(0)))->offset, Offset(-1));
  EXPECT_EQ(host_.wait(host_.log().offset_for_time(TimestampMs(0), Offset(0)))->offset, Offset(-1));
  append_times({-1, -1});
  EXPECT_EQ(host_.wait(host_.log().offset_of_max_timestamp(Offset(2)))->offset, Offset(-1));
  append_times({0, 500, 300});
  append_times({500, 500});
  append_times({100});
  EXPECT_EQ(host_.wait(host_.log().offset_of_max_timestamp(Offset(8)))->offset, Offset(3));
  for (const std::int64_t asked : {300, 301, 500}) {
    EXPECT_EQ(host_.wait(host_.log().offset_for_time(TimestampMs(asked), Offset(8)))->offset,
              Offset(3));
  }
  EXPECT_EQ(host_.wait(host_.log().offset_for_time(TimestampMs(501), Offset(8)))->offset,
            Offset(-1));
  EXPECT_EQ(host_.wait(host_.log().offset_for_time(TimestampMs(0), Offset(8)))->offset, Offset(2));
}

TEST_F(PartitionLogTest, epochs_are_written_before_the_first_append) {
  open();
  const auto led = host_.wait(host_.log().become_leader(LeaderEpoch(4)));
  ASSERT_TRUE(led.has_value());
  const auto path = host_.log_folder() + "/leader-epoch-checkpoint";
  EXPECT_EQ(as_text(test::read_file(host_.files(), path)), "0\n1\n4 0\n");
  append(make_batch({.records = 5}), 4);
  append(make_batch(), 6);  // an epoch that nobody announced
  EXPECT_EQ(as_text(test::read_file(host_.files(), path)), "0\n2\n4 0\n6 5\n");
  EXPECT_EQ(host_.log().latest_epoch(), LeaderEpoch(6));
  EXPECT_EQ(host_.log().epoch_at(Offset(4)), LeaderEpoch(4));
  EXPECT_EQ(host_.log().end_of_epoch(LeaderEpoch(5)).end, Offset(5));
  const auto fenced = host_.append(make_batch(), 5);
  ASSERT_FALSE(fenced.has_value());
  EXPECT_EQ(fenced.error().error.code, ErrorCode::fenced_leader_epoch);
  host_.stop();
  open();
  EXPECT_EQ(host_.log().latest_epoch(), LeaderEpoch(6));
  EXPECT_EQ(host_.dirs().partitions().front().last_epoch, LeaderEpoch(6));
}

TEST_F(PartitionLogTest, the_start_of_the_log_moves_up) {
  open();
  ASSERT_TRUE(host_.wait(host_.log().become_leader(LeaderEpoch(0))).has_value());
  fill(50);
  const Offset end = host_.log().log_end();
  host_.log().set_high_watermark(Offset(149));
  const auto move = [this](Offset to) { return host_.wait(host_.log().move_log_start(to)); };
  EXPECT_EQ(move(end).error().code, ErrorCode::offset_out_of_range);
  EXPECT_EQ(host_.log().log_start(), Offset(0));
  EXPECT_EQ(*move(Offset(70)), Offset(70));
  EXPECT_GE(host_.log().recovery_point(), Offset(70)) << "what is kept is on the disk";
  EXPECT_EQ(*move(Offset(4)), Offset(70)) << "it never goes back";
  EXPECT_EQ(host_.log().log_start(), Offset(70));
  EXPECT_EQ(host_.read_all(Offset(69), end).error().code, ErrorCode::offset_out_of_range);
  EXPECT_TRUE(host_.read_all(Offset(70), end).has_value());
  EXPECT_EQ(host_.wait(host_.log().offset_for_time(TimestampMs(0), end))->offset, Offset(70));
  EXPECT_EQ(host_.log().epoch_at(Offset(69)), LeaderEpoch(-1));
  EXPECT_EQ(host_.log().epoch_at(Offset(70)), LeaderEpoch(0));
  host_.log().set_high_watermark(end);
  EXPECT_EQ(*move(end), end) << "all of it";
  fill(1);
  EXPECT_EQ(host_.log().log_start(), end);
  EXPECT_TRUE(host_.read_all(end, Offset(153)).has_value());
}

TEST_F(PartitionLogTest, a_topic_id_is_set_once) {
  open();
  const auto other = *model::Uuid::parse("4NfLrYQwRLKtwSxe2X1LkA");
  const auto same = host_.wait(host_.log().set_topic_id(*host_.log().topic_id()));
  EXPECT_TRUE(same.has_value());
  const auto changed = host_.wait(host_.log().set_topic_id(other));
  ASSERT_FALSE(changed.has_value());
  EXPECT_EQ(changed.error().code, ErrorCode::inconsistent_topic_id);
}

TEST_F(PartitionLogTest, a_retired_log_is_renamed_and_its_slices_stay_readable) {
  open();
  fill(5);
  const auto read = *host_.wait(host_.log().read({Offset(0), Offset(15), 1 << 20, true}));
  const auto to = host_.wait(host_.log().retire(std::string(32, 'f')));
  ASSERT_TRUE(to.has_value()) << to.error().detail;
  EXPECT_EQ(*to, "/data/t-0." + std::string(32, 'f') + "-delete");
  ASSERT_TRUE(host_.dirs().forget(test::SimulatedHost::partition()).has_value());
  EXPECT_FALSE(host_.dirs().find(test::SimulatedHost::partition()));
  EXPECT_EQ(host_.dirs().deleted_folders(), std::vector{*to});
  ASSERT_TRUE(host_.dirs().remove_deleted(*to).has_value());
  EXPECT_TRUE(host_.dirs().deleted_folders().empty());
  EXPECT_FALSE(host_.dirs().remove_deleted("/data/other-0").has_value());
  Bytes bytes(read.size);
  EXPECT_EQ(*read.slices[0].file->read_at(read.slices[0].position, bytes), bytes.size());
  EXPECT_TRUE(bytes == expected_);
  EXPECT_FALSE(host_.append(make_batch()).has_value());
}

TEST_F(PartitionLogTest, closing_waits_for_what_runs_and_refuses_what_comes) {
  auto config = small_config();
  config->flush_messages = 1;
  open(config);
  std::vector<Bytes> batches(10, make_batch());
  std::vector<std::optional<AppendResult<AppendInfo>>> results(batches.size());
  std::optional<Result<void>> closed;
  host_.shard().post([&] {
    for (std::size_t i = 0; i < batches.size(); ++i) {
      host_.start(host_.log().append(batches[i], LeaderEpoch(0)), &results[i]);
    }
    host_.start(host_.log().close(), &closed);
  });
  host_.settle();
  ASSERT_TRUE(closed && closed->has_value());
  std::int64_t appended = 0;
  for (const auto& result : results) {
    ASSERT_TRUE(result.has_value());
    if (result->has_value()) ++appended;
  }
  EXPECT_EQ(host_.log().log_end(), Offset(appended));
  EXPECT_EQ(host_.log().recovery_point(), Offset(appended));
  EXPECT_FALSE(host_.append(make_batch()).has_value());
  EXPECT_FALSE(host_.wait(host_.log().read({Offset(0), Offset(1), 1, true})).has_value());
  EXPECT_FALSE(host_.wait(host_.log().close()).has_value());
}

}  // namespace
}  // namespace gregor::storage
