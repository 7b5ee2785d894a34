// The view over a batch, the cursor over a run, changes in place; the vectors of the format's
// description.
#include "model/record_batch.h"

#include <gtest/gtest.h>

#include <limits>

#include "model/test_batches.h"

namespace gregor::model {
namespace {

using test::Bytes;
using test::from_hex;
using test::make_batch;
using test::operator+;

// Two records, see RecordTest; made by another encoder and read by another reader
// (kafka-python 2.0.2).
const Bytes vector_of_two = from_hex(
    "00 00 00 00 00 00 00 00 00 00 00 4d ff ff ff ff 02 41 89 53 ab 00 00 00 00 00 01 00 00 01 8b "
    "cf"
    "e5 68 00 00 00 01 8b cf e5 68 05 ff ff ff ff ff ff ff ff ff ff ff ff ff ff 00 00 00 02 1a 00 "
    "00"
    "00 04 6b 31 0a 68 65 6c 6c 6f 00 1a 00 0a 02 01 00 04 02 68 02 01 02 6e 01");
// A COMMIT marker.
const Bytes vector_of_marker = from_hex(
    "00 00 00 00 00 00 00 07 00 00 00 42 00 00 00 05 02 1c 67 0d 39 00 30 00 00 00 00 00 00 01 8b "
    "cf"
    "e5 68 7b 00 00 01 8b cf e5 68 7b 00 00 00 00 00 00 0f a0 00 02 ff ff ff ff 00 00 00 01 20 00 "
    "00"
    "00 08 00 00 00 01 0c 00 00 00 00 00 03 00");

TEST(RecordBatchTest, ReadsTheFirstVector) {
  const auto batch = RecordBatchView::parse(vector_of_two);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->size_bytes(), 89U);
  EXPECT_EQ(batch->batch_length(), 77);
  EXPECT_EQ(batch->base_offset(), Offset(0));
  EXPECT_EQ(batch->last_offset(), Offset(1));
  EXPECT_EQ(batch->next_offset(), Offset(2));
  EXPECT_EQ(batch->leader_epoch(), LeaderEpoch(-1));
  EXPECT_EQ(batch->magic(), 2);
  EXPECT_EQ(batch->crc(), 0x418953abU);
  EXPECT_TRUE(batch->crc_is_valid());
  EXPECT_EQ(batch->attributes(), 0);
  EXPECT_EQ(batch->codec(), Codec::none);
  EXPECT_EQ(batch->timestamp_type(), TimestampType::create_time);
  EXPECT_EQ(batch->base_timestamp(), TimestampMs(1700000000000));
  EXPECT_EQ(batch->max_timestamp(), TimestampMs(1700000000005));
  EXPECT_FALSE(batch->has_producer_id());
  EXPECT_EQ(batch->producer_epoch(), ProducerEpoch(-1));
  EXPECT_EQ(batch->base_sequence(), -1);
  EXPECT_EQ(batch->record_count(), 2);
  EXPECT_EQ(batch->records().size(), 28U);
  EXPECT_EQ(batch->record_timestamp(5), TimestampMs(1700000000005));
}

TEST(RecordBatchTest, ReadsTheMarkerVector) {
  const auto batch = check_batch(vector_of_marker);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->crc(), 0x1c670d39U);
  EXPECT_EQ(batch->base_offset(), Offset(7));
  EXPECT_EQ(batch->leader_epoch(), LeaderEpoch(5));
  EXPECT_TRUE(batch->is_control());
  EXPECT_TRUE(batch->is_transactional());
  EXPECT_FALSE(batch->has_delete_horizon());
  EXPECT_EQ(batch->producer_id(), ProducerId(4000));
  EXPECT_EQ(batch->producer_epoch(), ProducerEpoch(2));
  EXPECT_EQ(batch->base_sequence(), -1);
  EXPECT_EQ(batch->next_offset(), Offset(8));
}

TEST(RecordBatchTest, EachAttributeBitHasItsMeaning) {
  Bytes bytes = vector_of_two;
  const auto with = [&bytes](std::int16_t attributes) {
    store_be(bytes.data() + batch_layout::attributes_at, attributes);
    return *RecordBatchView::parse(bytes);
  };
  EXPECT_EQ(with(4).codec(), Codec::zstd);
  EXPECT_EQ(with(5).codec(), std::nullopt);
  EXPECT_EQ(with(7).codec_bits(), 7);
  EXPECT_EQ(with(8).timestamp_type(), TimestampType::log_append_time);
  EXPECT_EQ(with(8).record_timestamp(-9), TimestampMs(1700000000005));
  EXPECT_TRUE(with(16).is_transactional());
  EXPECT_TRUE(with(32).is_control());
  EXPECT_TRUE(with(64).has_delete_horizon());
  EXPECT_EQ(with(-128).codec(), Codec::none);
}

TEST(RecordBatchTest, CutBatchesAreRefused) {
  for (std::size_t size = 0; size < vector_of_two.size(); ++size) {
    const auto batch = RecordBatchView::parse(ByteView(vector_of_two).first(size));
    ASSERT_FALSE(batch) << size;
    EXPECT_EQ(batch.error().code, ErrorCode::corrupt_message);
  }
}

TEST(RecordBatchTest, BadLengthsAndMagicsAreRefused) {
  Bytes bytes = vector_of_two;
  for (std::int32_t length : {0, 1, 13, 48, -1, 78, std::numeric_limits<std::int32_t>::min(),
                              std::numeric_limits<std::int32_t>::max()}) {
    store_be(bytes.data() + batch_layout::length_at, length);
    const auto batch = RecordBatchView::parse(bytes);
    ASSERT_FALSE(batch) << length;
    EXPECT_EQ(batch.error().code, ErrorCode::corrupt_message) << length;
  }
  bytes = vector_of_two;
  for (int magic : {0, 1, 3, -1, 127}) {
    bytes[batch_layout::magic_at] = static_cast<std::byte>(magic);
    const auto batch = RecordBatchView::parse(bytes);
    ASSERT_FALSE(batch) << magic;
    const bool is_old = magic == 0 || magic == 1;
    EXPECT_EQ(batch.error().code,
              is_old ? ErrorCode::unsupported_for_message_format : ErrorCode::corrupt_message);
  }
}

TEST(RecordBatchTest, SizeIsKnownFromSeventeenBytes) {
  EXPECT_EQ(*batch_size_bytes(ByteView(vector_of_two).first(17)), 89U);
  EXPECT_FALSE(batch_size_bytes(ByteView(vector_of_two).first(16)));
}

TEST(RecordBatchTest, ExtremeHeadersDoNotOverflow) {
  Bytes bytes = vector_of_two;
  store_be(bytes.data(), std::numeric_limits<std::int64_t>::max());
  store_be(bytes.data() + batch_layout::base_timestamp_at,
           std::numeric_limits<std::int64_t>::max());
  const auto batch = RecordBatchView::parse(bytes);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->last_offset(), Offset(std::numeric_limits<std::int64_t>::min()));
  EXPECT_LT(batch->record_timestamp(5), TimestampMs(0));
}

TEST(BatchCursorTest, WalksARunAndStopsAtACutBatch) {
  const Bytes run = vector_of_two + vector_of_marker + ByteView(vector_of_two).first(40);
  BatchCursor cursor(run);
  std::vector<std::int64_t> offsets;
  for (;;) {
    const auto batch = cursor.next();
    ASSERT_TRUE(batch);
    if (!*batch) break;
    offsets.push_back((*batch)->base_offset().value());
  }
  EXPECT_EQ(offsets, (std::vector<std::int64_t>{0, 7}));
  EXPECT_EQ(cursor.rest().size(), 40U);
}

TEST(BatchCursorTest, ReportsGarbageAndStaysThere) {
  const Bytes run = vector_of_two + Bytes(100);
  BatchCursor cursor(run);
  ASSERT_TRUE(cursor.next());
  EXPECT_FALSE(cursor.next());
  EXPECT_FALSE(cursor.next());
  EXPECT_EQ(cursor.rest().size(), 100U);
}

TEST(BatchChangeTest, OffsetAndEpochLeaveTheCrcGood) {
  Bytes bytes = vector_of_two;
  set_base_offset(bytes, Offset(123456789012345));
  set_leader_epoch(bytes, LeaderEpoch(77));
  const auto batch = check_batch(bytes);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->base_offset(), Offset(123456789012345));
  EXPECT_EQ(batch->leader_epoch(), LeaderEpoch(77));
  EXPECT_EQ(batch->crc(), 0x418953abU);
}

TEST(BatchChangeTest, AppendTimeRewritesTheCrc) {
  Bytes bytes = vector_of_two;
  set_append_time(bytes, TimestampMs(1800000000000));
  const auto batch = check_batch(bytes);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->timestamp_type(), TimestampType::log_append_time);
  EXPECT_EQ(batch->max_timestamp(), TimestampMs(1800000000000));
  EXPECT_EQ(batch->base_timestamp(), TimestampMs(1700000000000));
  EXPECT_EQ(batch->record_timestamp(5), TimestampMs(1800000000000));
  EXPECT_NE(batch->crc(), 0x418953abU);
}

TEST(BatchChangeTest, CreateTimeIsSetBackAndOnlyWhenNeeded) {
  Bytes bytes = vector_of_two;
  EXPECT_FALSE(set_create_time(bytes, TimestampMs(1700000000005)));
  EXPECT_EQ(bytes, vector_of_two);
  set_append_time(bytes, TimestampMs(1800000000000));
  EXPECT_TRUE(set_create_time(bytes, TimestampMs(1700000000005)));
  EXPECT_EQ(bytes, vector_of_two);
  EXPECT_TRUE(set_create_time(bytes, TimestampMs(-1)));
  EXPECT_TRUE(check_batch(bytes));
}

TEST(CheckBatchTest, TakesWhatALogMayHold) {
  Bytes bytes = make_batch(5, {.base_offset = Offset(1000)});
  EXPECT_TRUE(check_batch(bytes));
  // After compaction: fewer records than offsets, or none.
  const Bytes fewer = test::with_field<std::int32_t>(bytes, batch_layout::record_count_at, 2);
  EXPECT_TRUE(check_batch(fewer));
  Bytes none = bytes;
  none.resize(batch_layout::header_bytes);
  store_be<std::int32_t>(none.data() + batch_layout::record_count_at, 0);
  test::reseal(none);
  EXPECT_TRUE(check_batch(none));
  EXPECT_TRUE(check_batch(none + bytes));
}

TEST(CheckBatchTest, RefusesWhatALogCanNotHold) {
  const Bytes good = make_batch(5);
  using test::with_field;
  const Bytes bad[] = {
      with_field<std::int64_t>(good, batch_layout::base_offset_at, -1),
      with_field(good, batch_layout::base_offset_at, std::numeric_limits<std::int64_t>::max() - 4),
      with_field<std::int32_t>(good, batch_layout::record_count_at, -1),
      with_field<std::int32_t>(good, batch_layout::record_count_at, 6),
      with_field<std::int32_t>(good, batch_layout::last_offset_delta_at, -1),
      with_field<std::int16_t>(good, batch_layout::attributes_at, 5)};
  for (const Bytes& bytes : bad) {
    const auto batch = check_batch(bytes);
    ASSERT_FALSE(batch);
    EXPECT_EQ(batch.error().code, ErrorCode::corrupt_message);
  }
}

TEST(CheckBatchTest, FindsEachFlippedBitUnderTheCrc) {
  Bytes bytes = make_batch(5);
  for (std::size_t bit = batch_layout::crc_at * 8; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    EXPECT_FALSE(check_batch(bytes)) << bit;
    bytes[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
  }
  EXPECT_TRUE(check_batch(bytes));
}

}  // namespace
}  // namespace gregor::model
