// Building and recompressing batches.
#include "model/batch_builder.h"

#include <gtest/gtest.h>

#include "model/test_batches.h"

namespace gregor::model {
namespace {

using test::Bytes;
using test::from_hex;
using test::test_now;

TEST(BatchBuilderTest, MakesTheVectorByteForByte) {
  BatchBuilder builder({});
  builder.add(
      {.timestamp = TimestampMs(1700000000000), .key = as_bytes("k1"), .value = as_bytes("hello")});
  const HeaderView headers[] = {{"h", as_bytes("\x01")}, {"n", std::nullopt}};
  builder.add({.timestamp = TimestampMs(1700000000005), .value = as_bytes(""), .headers = headers});
  EXPECT_EQ(builder.record_count(), 2);
  EXPECT_EQ(builder.size_bytes(), 89U);
  const auto batch = builder.finish();
  ASSERT_TRUE(batch);
  EXPECT_EQ(
      test::to_hex(*batch),
      "00000000000000000000004dffffffff02418953ab000000000001000001"
      "8bcfe56800000001"
      "8bcfe56805ffffffffffffffffffffffffffff000000021a000000046b310a68656c6c6f001a000a0201000402"
      "680201026e01");
}

TEST(BatchBuilderTest, MakesTheMarkerByteForByte) {
  BatchBuilder builder({.base_offset = Offset(7),
                        .leader_epoch = LeaderEpoch(5),
                        .producer_id = ProducerId(4000),
                        .producer_epoch = ProducerEpoch(2),
                        .is_transactional = true,
                        .is_control = true});
  const Bytes key = from_hex("0000 0001");
  const Bytes value = from_hex("0000 00000003");
  builder.add({.timestamp = TimestampMs(1700000000123), .key = key, .value = value});
  EXPECT_EQ(test::to_hex(*builder.finish()),
            "000000000000000700000042000000050"
            "21c670d3900300000000000000"
            "18bcfe5687b0000018bcfe5687b0000000000000fa00002ffffffff0000000120000000080000000"
            "10c00000000000300");
}

TEST(BatchBuilderTest, IsEmptyAgainAfterwards) {
  BatchBuilder builder({.codec = Codec::lz4});
  builder.add({.timestamp = TimestampMs(5), .value = as_bytes("a")});
  const auto first = builder.finish();
  EXPECT_EQ(builder.record_count(), 0);
  EXPECT_EQ(builder.size_bytes(), batch_layout::header_bytes);
  builder.add({.timestamp = TimestampMs(5), .value = as_bytes("a")});
  EXPECT_EQ(*builder.finish(), *first);
}

TEST(BatchBuilderTest, AppendTimeAndGaps) {
  BatchBuilder builder({.base_offset = Offset(100),
                        .timestamp_type = TimestampType::log_append_time,
                        .append_time = TimestampMs(test_now)});
  builder.add({.timestamp = TimestampMs(5), .offset_delta = 3});
  builder.add({.timestamp = TimestampMs(6)});
  builder.add({.timestamp = TimestampMs(7), .offset_delta = 90});
  const Bytes bytes = *builder.finish();
  const auto batch = check_batch(bytes);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->record_count(), 3);
  EXPECT_EQ(batch->last_offset(), Offset(190));
  EXPECT_EQ(batch->max_timestamp(), TimestampMs(test_now));
  EXPECT_EQ(batch->base_timestamp(), TimestampMs(5));
  RecordCursor cursor(batch->records());
  std::vector<int> deltas;
  for (auto record = cursor.next(); record && *record; record = cursor.next()) {
    deltas.push_back((*record)->offset_delta());
  }
  EXPECT_EQ(deltas, (std::vector<int>{3, 4, 90}));
}

TEST(RecompressTest, EachCodecToEachOther) {
  const BatchOptions header{.base_offset = Offset(77),
                            .leader_epoch = LeaderEpoch(3),
                            .producer_id = ProducerId(12),
                            .producer_epoch = ProducerEpoch(1),
                            .base_sequence = 5,
                            .is_transactional = true};
  for (Codec from : test::all_codecs) {
    for (Codec to : test::all_codecs) {
      BatchOptions options = header;
      options.codec = from;
      const Bytes source = test::make_batch(200, options);
      options.codec = to;
      const auto result = recompress(*RecordBatchView::parse(source), {.codec = to});
      ASSERT_TRUE(result);
      EXPECT_EQ(*result, test::make_batch(200, options)) << codec_name(from) << codec_name(to);
    }
  }
}

TEST(RecompressTest, FailsOnGarbageAndAboveTheLimit) {
  const Bytes garbage = test::with_records(test::make_batch(1), Codec::gzip, test::noise(50));
  EXPECT_EQ(recompress(*RecordBatchView::parse(garbage), {}).error().code,
            ErrorCode::corrupt_message);
  const Bytes large = test::make_batch(1000, {.codec = Codec::zstd});
  EXPECT_EQ(recompress(*RecordBatchView::parse(large), {.inflated_bytes_max = 1000}).error().code,
            ErrorCode::message_too_large);
  const Bytes unknown =
      test::with_field<std::int16_t>(test::make_batch(1), batch_layout::attributes_at, 6);
  EXPECT_EQ(recompress(*RecordBatchView::parse(unknown), {}).error().code,
            ErrorCode::unsupported_compression_type);
}

}  // namespace
}  // namespace gregor::model
