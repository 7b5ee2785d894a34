// What a leader takes and refuses, row by row as Kafka answers it; errors of single records; the
// facts.
#include "model/batch_validation.h"

#include <gtest/gtest.h>

#include <limits>

#include "model/test_batches.h"

namespace gregor::model {
namespace {

using test::Bytes;
using test::code_of;
using test::make_batch;
using test::options_now;
using test::operator+;
using test::test_now;
using test::with_field;
namespace layout = batch_layout;

constexpr auto int32_min = std::numeric_limits<std::int32_t>::min();
constexpr auto int32_max = std::numeric_limits<std::int32_t>::max();
constexpr auto int64_min = std::numeric_limits<std::int64_t>::min();
constexpr auto int64_max = std::numeric_limits<std::int64_t>::max();

/// Both steps that a records field goes through.
ErrorCode code_of_field(ByteView records, ProduceRules rules = {}) {
  const auto batch = single_produced_batch(records, rules);
  if (!batch) {
    EXPECT_FALSE(batch.error().log_consulted);
    return batch.error().error.code;
  }
  return code_of(*batch);
}

template <class T>
Bytes raw_field(Bytes batch, std::size_t at, T value) {
  store_be(batch.data() + at, value);
  return batch;
}

TEST(ProducedFieldTest, OneWholeBatchIsCutOut) {
  const Bytes batch = make_batch(3);
  EXPECT_EQ(single_produced_batch(batch, {})->size(), batch.size());
  for (std::size_t tail = 1; tail <= 11; ++tail) {
    EXPECT_EQ(single_produced_batch(batch + test::noise(tail), {})->size(), batch.size()) << tail;
    EXPECT_EQ(single_produced_batch(batch + Bytes(tail), {})->size(), batch.size()) << tail;
  }
}

TEST(ProducedFieldTest, LongerTailsAreCorruptAndASecondBatchIsInvalid) {
  const Bytes batch = make_batch(3);
  for (std::size_t tail : {12, 16, 17, 61, 500}) {
    EXPECT_EQ(code_of_field(batch + Bytes(tail)), ErrorCode::corrupt_message) << tail;
  }
  EXPECT_EQ(code_of_field(batch + batch), ErrorCode::invalid_record);
}

TEST(ProducedFieldTest, CutAtEachByte) {
  const Bytes batch = make_batch(3);
  for (std::size_t size = 0; size < batch.size(); ++size) {
    EXPECT_EQ(code_of_field(ByteView(batch).first(size)), ErrorCode::invalid_record) << size;
  }
}

TEST(ProducedFieldTest, Lengths) {
  const Bytes batch = make_batch(3);
  for (std::int32_t length : {0, 1, 13, 48, 49, -1, int32_min, int32_max}) {
    EXPECT_EQ(code_of_field(raw_field(batch, layout::length_at, length)),
              ErrorCode::corrupt_message)
        << length;
  }
  const auto real = static_cast<std::int32_t>(batch.size() - layout::prefix_bytes);
  for (std::int32_t length : {real + 1, 1000, 1 << 30}) {
    EXPECT_EQ(code_of_field(raw_field(batch, layout::length_at, length)), ErrorCode::invalid_record)
        << length;
  }
}

TEST(ProducedFieldTest, Magics) {
  const Bytes batch = make_batch(3);
  for (int magic : {0, 1}) {
    EXPECT_EQ(code_of_field(raw_field(batch, layout::magic_at, static_cast<std::int8_t>(magic))),
              ErrorCode::invalid_record);
  }
  for (int magic : {3, -1, 100}) {
    const auto refused = single_produced_batch(
        raw_field(batch, layout::magic_at, static_cast<std::int8_t>(magic)), {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().error.code, ErrorCode::corrupt_message);
    EXPECT_EQ(refused.error().error.detail,
              "Invalid magic found in record: " + std::to_string(magic));
  }
}

TEST(ProducedFieldTest, ZstdNeedsVersion7) {
  const Bytes batch = make_batch(3, {.codec = Codec::zstd});
  EXPECT_EQ(code_of_field(batch), ErrorCode::none);
  EXPECT_EQ(code_of_field(batch, {.zstd_allowed = false}), ErrorCode::unsupported_compression_type);
  EXPECT_EQ(code_of_field(make_batch(3, {.codec = Codec::lz4}), {.zstd_allowed = false}),
            ErrorCode::none);
}

TEST(ProducedFieldTest, EachFlippedBitOfA200ByteBatchIsFound) {
  BatchBuilder builder({});
  const Bytes value = test::noise(129);
  builder.add({.timestamp = TimestampMs(test_now), .key = as_bytes("k"), .value = value});
  Bytes batch = *builder.finish();
  ASSERT_EQ(batch.size(), 200U);
  ASSERT_EQ(code_of_field(batch), ErrorCode::none);
  for (std::size_t bit = 0; bit < batch.size() * 8; ++bit) {
    const std::size_t at = bit / 8;
    batch[at] ^= static_cast<std::byte>(1 << (bit % 8));
    const ErrorCode code = code_of_field(batch);
    if (at < layout::length_at) {
      EXPECT_EQ(code, ErrorCode::invalid_record) << bit;  // base offset
    } else if (at >= layout::leader_epoch_at && at < layout::magic_at) {
      EXPECT_EQ(code, ErrorCode::none) << bit;  // overwritten by the leader
    } else if (at >= layout::crc_at) {
      EXPECT_EQ(code, ErrorCode::corrupt_message) << bit;
    } else {
      EXPECT_NE(code, ErrorCode::none) << bit;
    }
    batch[at] ^= static_cast<std::byte>(1 << (bit % 8));
  }
}

TEST(ValidateBatchTest, EachCodecPassesAndTheFactsAreRight) {
  for (Codec codec : test::all_codecs) {
    for (int count : {1, 2, 100, 5000}) {
      const Bytes batch = make_batch(count, {.codec = codec});
      const auto facts = validate_batch(batch, options_now());
      ASSERT_TRUE(facts) << codec_name(codec) << ' ' << facts.error().error.detail;
      EXPECT_EQ(facts->codec, codec);
      EXPECT_EQ(facts->record_count, count);
      EXPECT_EQ(facts->min_timestamp, TimestampMs(test_now));
      EXPECT_EQ(facts->max_timestamp, TimestampMs(test_now + count - 1));
      EXPECT_EQ(facts->max_timestamp_offset_delta, count - 1);
      EXPECT_TRUE(facts->all_keys_present);
      EXPECT_FALSE(facts->header_needs_fix);
      EXPECT_EQ(facts->inflated_bytes, make_batch(count).size() - layout::header_bytes);
    }
  }
}

TEST(ValidateBatchTest, TheFirstOfEqualMaxTimestampsIsTold) {
  BatchBuilder builder({});
  for (int delta : {0, 7, 3, 7, -2}) builder.add({.timestamp = TimestampMs(test_now + delta)});
  const Bytes batch = *builder.finish();
  const auto facts = validate_batch(batch, options_now());
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->max_timestamp, TimestampMs(test_now + 7));
  EXPECT_EQ(facts->max_timestamp_offset_delta, 1);
  EXPECT_EQ(facts->min_timestamp, TimestampMs(test_now - 2));
  EXPECT_FALSE(facts->all_keys_present);
}

TEST(ValidateBatchTest, HeaderFields) {
  const Bytes good = make_batch(3);
  const auto code_with = [&good](std::size_t at, auto value) {
    return code_of(with_field(good, at, value));
  };
  for (std::int64_t offset : {std::int64_t{5}, std::int64_t{-1}, int64_min, int64_max}) {
    EXPECT_EQ(code_with(layout::base_offset_at, offset), ErrorCode::invalid_record);
  }
  EXPECT_EQ(code_with(layout::leader_epoch_at, 7), ErrorCode::none);
  for (std::int32_t count : {0, -1, 1, 2, 4, int32_max, int32_min}) {
    EXPECT_EQ(code_with(layout::record_count_at, count), ErrorCode::invalid_record) << count;
    const Bytes both = with_field(good, layout::last_offset_delta_at,
                                  static_cast<std::int32_t>(static_cast<std::uint32_t>(count) - 1));
    EXPECT_EQ(code_of(with_field(both, layout::record_count_at, count)), ErrorCode::invalid_record)
        << count;
  }
  for (std::int32_t delta : {-1, 0, 1, 3, int32_max, int32_min}) {
    EXPECT_EQ(code_with(layout::last_offset_delta_at, delta), ErrorCode::invalid_record) << delta;
  }
}

TEST(ValidateBatchTest, Attributes) {
  const Bytes good = make_batch(3);
  const auto code_with = [&good](int bits) {
    return code_of(with_field(good, layout::attributes_at, static_cast<std::int16_t>(bits)));
  };
  for (int bits : {0x80, 0x100, 0x4000, 0x8000, 0x40, 0x10})
    EXPECT_EQ(code_with(bits), ErrorCode::none) << bits;
  for (int bits : {5, 6, 7}) EXPECT_EQ(code_with(bits), ErrorCode::unsupported_compression_type);
  for (int bits : {0x20, 0x30}) EXPECT_EQ(code_with(bits), ErrorCode::invalid_record);
  for (int bits : {1, 3, 4}) EXPECT_EQ(code_with(bits), ErrorCode::corrupt_message) << bits;
  EXPECT_NE(code_with(2), ErrorCode::none);
  for (Codec codec : test::real_codecs) {
    EXPECT_EQ(code_of(test::with_records(good, codec, {})), ErrorCode::invalid_record);
  }
}

TEST(ValidateBatchTest, ProducerFields) {
  const auto code_with = [](std::int64_t id, int epoch, std::int32_t sequence) {
    return code_of(make_batch(3, {.producer_id = ProducerId(id),
                                  .producer_epoch = ProducerEpoch(static_cast<std::int16_t>(epoch)),
                                  .base_sequence = sequence}));
  };
  EXPECT_EQ(code_with(9, 0, 0), ErrorCode::none);
  EXPECT_EQ(code_with(9, 0, int32_max), ErrorCode::none);  // wraps inside of the batch
  EXPECT_EQ(code_with(9, -1, 0), ErrorCode::none);
  EXPECT_EQ(code_with(9, -2, 0), ErrorCode::invalid_producer_epoch);
  EXPECT_EQ(code_with(9, 0, -1), ErrorCode::invalid_record);
  EXPECT_EQ(code_with(9, 0, -2), ErrorCode::invalid_record);
  EXPECT_EQ(code_with(-1, 5, 5), ErrorCode::none);
  EXPECT_EQ(code_with(-5, 5, -7), ErrorCode::none);
}

TEST(ValidateBatchTest, SizeIsThatOfTheWholeBatch) {
  const Bytes batch = make_batch(50);
  ValidationOptions options = options_now();
  options.batch_bytes_max = batch.size();
  EXPECT_EQ(code_of(batch, options), ErrorCode::none);
  options.batch_bytes_max = batch.size() - 1;
  const auto refused = validate_batch(batch, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error.code, ErrorCode::message_too_large);
  EXPECT_FALSE(refused.error().log_consulted);
}

TEST(ValidateBatchTest, TellsWhetherTheLogWasLookedAt) {
  Bytes batch = make_batch(3);
  EXPECT_TRUE(
      validate_batch(with_field<std::int64_t>(batch, 0, 5), options_now()).error().log_consulted);
  EXPECT_TRUE(
      validate_batch(with_field<std::int32_t>(batch, layout::record_count_at, 1), options_now())
          .error()
          .log_consulted);
  batch.back() ^= std::byte{1};
  EXPECT_FALSE(validate_batch(batch, options_now()).error().log_consulted);
}

TEST(ValidateBatchTest, TimestampsOutsideOfTheLimits) {
  ValidationOptions options = options_now();
  options.timestamp_before_max_ms = 1000;
  options.timestamp_after_max_ms = 100;
  BatchBuilder builder({});
  for (int delta : {0, -1000, -1001, 100, 101})
    builder.add({.timestamp = TimestampMs(test_now + delta)});
  builder.add({.timestamp = TimestampMs(-1)});
  const Bytes batch = *builder.finish();
  for (Codec codec : test::all_codecs) {
    const Bytes compressed = *recompress(*RecordBatchView::parse(batch), {.codec = codec});
    const auto refused = validate_batch(compressed, options);
    ASSERT_FALSE(refused);
    const BatchRejection& why = refused.error();
    EXPECT_EQ(why.error.code, ErrorCode::invalid_timestamp);
    EXPECT_EQ(why.error.detail, "One or more records have been rejected due to invalid timestamp");
    EXPECT_TRUE(why.log_consulted);
    ASSERT_EQ(why.records.size(), 2U);
    EXPECT_EQ(why.records[0].batch_index, 2);
    EXPECT_EQ(why.records[1].batch_index, 4);
    EXPECT_EQ(why.records[1].message,
              "Timestamp 1700000000101 of message with offset 4 is out of range. The timestamp "
              "should be within [1699999999000, 1700000000100]");
  }
}

TEST(ValidateBatchTest, TimestampsAtTheEndsOfTheRange) {
  for (std::int64_t timestamp :
       {int64_min, std::int64_t{-5}, std::int64_t{-1}, std::int64_t{0}, int64_max}) {
    BatchBuilder builder({});
    builder.add({.timestamp = TimestampMs(timestamp)});
    const Bytes batch = *builder.finish();
    const auto facts = validate_batch(batch, options_now());
    ASSERT_TRUE(facts) << timestamp;
    EXPECT_EQ(facts->max_timestamp, TimestampMs(std::max<std::int64_t>(timestamp, -1)));
    EXPECT_EQ(facts->max_timestamp_offset_delta, timestamp > -1 ? 0 : -1);
    ValidationOptions narrow = options_now();
    narrow.timestamp_before_max_ms = narrow.timestamp_after_max_ms = 10;
    EXPECT_EQ(code_of(batch, narrow),
              timestamp == -1 ? ErrorCode::none : ErrorCode::invalid_timestamp);
  }
}

TEST(ValidateBatchTest, AWrongMaxTimestampIsToldNotRefused) {
  for (std::int64_t max : {std::int64_t{-1}, std::int64_t{0}, test_now + 99, int64_min}) {
    Bytes batch = with_field(make_batch(3), layout::max_timestamp_at, max);
    const auto facts = validate_batch(batch, options_now());
    ASSERT_TRUE(facts);
    EXPECT_TRUE(facts->header_needs_fix);
    EXPECT_EQ(facts->max_timestamp, TimestampMs(test_now + 2));
    EXPECT_TRUE(set_create_time(batch, facts->max_timestamp));
    EXPECT_FALSE(validate_batch(batch, options_now())->header_needs_fix);
  }
}

TEST(ValidateBatchTest, ABatchThatClaimsAppendTime) {
  const Bytes batch = make_batch(
      3, {.timestamp_type = TimestampType::log_append_time, .append_time = TimestampMs(test_now)});
  const auto facts = validate_batch(batch, options_now());
  ASSERT_TRUE(facts);  // the leader clears the bit
  EXPECT_TRUE(facts->header_needs_fix);
  ValidationOptions options = options_now();
  options.timestamp_type = TimestampType::log_append_time;
  const auto refused = validate_batch(batch, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error.code, ErrorCode::invalid_timestamp);
  EXPECT_EQ(refused.error().records.size(), 3U);
  // And a topic with LogAppendTime does not care about create times.
  options.timestamp_after_max_ms = options.timestamp_before_max_ms = 0;
  EXPECT_EQ(code_of(make_batch(3), options), ErrorCode::none);
}

TEST(ValidateBatchTest, CompactedTopicsNeedKeys) {
  BatchBuilder builder({});
  for (int i = 0; i < 5; ++i) {
    RecordData record{.timestamp = TimestampMs(test_now)};
    if (i % 2 == 0) record.key = as_bytes("k");
    builder.add(record);
  }
  const Bytes batch = *builder.finish();
  EXPECT_EQ(code_of(batch), ErrorCode::none);
  ValidationOptions options = options_now();
  options.keys_required = true;
  options.partition = "t-0";
  const auto refused = validate_batch(batch, options);
  ASSERT_FALSE(refused);
  const BatchRejection& why = refused.error();
  EXPECT_EQ(why.error.code, ErrorCode::invalid_record);
  ASSERT_EQ(why.records.size(), 2U);
  EXPECT_EQ(why.records[0].batch_index, 1);
  EXPECT_EQ(why.records[1].batch_index, 3);
  const std::string text =
      "Compacted topic cannot accept message without key in topic partition t-0.";
  EXPECT_EQ(why.records[0].message, text);
  EXPECT_EQ(why.error.detail,
            "One or more records have been rejected due to 2 record errors in total, and only "
            "showing the first three errors at most: [RecordError(batchIndex=1, message='" +
                text + "'), RecordError(batchIndex=3, message='" + text + "')]");
  EXPECT_EQ(code_of(make_batch(5), options), ErrorCode::none);
}

TEST(ValidateBatchTest, TheListOfBadRecordsIsLimited) {
  BatchBuilder builder({.codec = Codec::zstd});
  for (int i = 0; i < 20000; ++i) builder.add({.timestamp = TimestampMs(0)});
  ValidationOptions options = options_now();
  options.keys_required = true;
  const auto refused = validate_batch(*builder.finish(), options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().records.size(), 1000U);
  EXPECT_NE(refused.error().error.detail.find("20000 record errors"), std::string::npos);
}

TEST(ValidateBatchTest, RecordsBeyondTheLimitWhenInflatedAreRefused) {
  for (Codec codec : test::real_codecs) {
    const Bytes batch = make_batch(1000, {.codec = codec});
    ValidationOptions options = options_now();
    options.inflated_bytes_max = make_batch(1000).size() - layout::header_bytes;
    EXPECT_EQ(code_of(batch, options), ErrorCode::none) << codec_name(codec);
    --options.inflated_bytes_max;
    EXPECT_EQ(code_of(batch, options), ErrorCode::message_too_large) << codec_name(codec);
  }
}

TEST(ValidateBatchTest, RecordsOfEachSizeAroundTheWindowPass) {
  for (std::size_t size : {65500U, 65520U, 65530U, 65536U, 65550U, 131072U, 1000000U}) {
    for (Codec codec : test::all_codecs) {
      BatchBuilder builder({.codec = codec});
      const Bytes value = test::text(size);
      const HeaderView headers[] = {{"header", value}};
      builder.add({.timestamp = TimestampMs(test_now), .value = value});
      builder.add({.timestamp = TimestampMs(test_now), .key = value, .headers = headers});
      builder.add({.timestamp = TimestampMs(test_now)});
      ValidationOptions options = options_now();
      options.batch_bytes_max = 10'000'000;
      EXPECT_EQ(code_of(*builder.finish(), options), ErrorCode::none) << size;
    }
  }
}

TEST(ValidateBatchTest, AMillionEmptyRecords) {
  for (Codec codec : test::all_codecs) {
    BatchBuilder builder({.codec = codec});
    for (int i = 0; i < 1'000'000; ++i) builder.add({.timestamp = TimestampMs(test_now)});
    ValidationOptions options = options_now();
    options.batch_bytes_max = 20'000'000;
    const auto facts = validate_batch(*builder.finish(), options);
    ASSERT_TRUE(facts) << codec_name(codec);
    EXPECT_EQ(facts->record_count, 1'000'000);
  }
}

TEST(ValidateBatchTest, BytesBehindTheBatchAreTheCallersMistakeAndRefused) {
  EXPECT_EQ(code_of(make_batch(1) + Bytes(1)), ErrorCode::invalid_record);
}

}  // namespace
}  // namespace gregor::model
