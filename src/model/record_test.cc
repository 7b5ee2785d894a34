// Records inside of a batch: reading, headers, damaged ones.
#include "model/record.h"

#include <gtest/gtest.h>

#include "model/test_batches.h"

namespace gregor::model {
namespace {

using test::Bytes;
using test::from_hex;

TEST(RecordTest, ReadsTheRecordsOfTheVector) {
  const Bytes records = from_hex(
      "1a 00 00 00 04 6b 31 0a 68 65 6c 6c 6f 00 1a 00 0a 02 01 00 04 02 68 02 01 02 6e 01");
  RecordCursor cursor(records);
  const auto first = cursor.next();
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->offset_delta(), 0);
  EXPECT_EQ((*first)->timestamp_delta(), 0);
  EXPECT_EQ(as_text((*first)->key().value()), "k1");
  EXPECT_EQ(as_text((*first)->value().value()), "hello");
  EXPECT_EQ((*first)->header_count(), 0);
  EXPECT_FALSE((*first)->headers().next());
  EXPECT_EQ((*first)->size_bytes(), 14U);

  const auto second = cursor.next();
  ASSERT_TRUE(second && *second);
  EXPECT_EQ((*second)->offset_delta(), 1);
  EXPECT_EQ((*second)->timestamp_delta(), 5);
  EXPECT_FALSE((*second)->key());
  EXPECT_TRUE((*second)->value().value().empty());
  HeaderCursor headers = (*second)->headers();
  const auto h = headers.next();
  ASSERT_TRUE(h);
  EXPECT_EQ(h->key, "h");
  EXPECT_EQ(to_integer<int>(h->value.value()[0]), 1);
  const auto n = headers.next();
  ASSERT_TRUE(n);
  EXPECT_EQ(n->key, "n");
  EXPECT_FALSE(n->value);
  EXPECT_FALSE(headers.next());

  const auto end = cursor.next();
  ASSERT_TRUE(end);
  EXPECT_FALSE(*end);
  EXPECT_TRUE(cursor.rest().empty());
}

struct BadRecord {
  const char* name;
  const char* hex;
};

class BadRecordTest : public testing::TestWithParam<BadRecord> {};

TEST_P(BadRecordTest, IsRefusedPlainAndCompressed) {
  const Bytes records = from_hex(GetParam().hex);
  EXPECT_EQ(test::code_of(test::raw_batch(records)), ErrorCode::invalid_record);
  for (Codec codec : test::real_codecs) {
    const Bytes batch =
        test::with_records(test::raw_batch(records), codec, *compress(codec, {}, records));
    EXPECT_EQ(test::code_of(batch), ErrorCode::invalid_record) << codec_name(codec);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BadRecordTest,
    testing::Values(BadRecord{"LengthZero", "00"},
                    BadRecord{"LengthNegative", "01 00 00 00 01 01 00"},
                    BadRecord{"LengthHuge", "feffffff0f 00 00 00 01 01 00"},
                    BadRecord{"LengthOneBeyond", "0e 00 00 00 01 01 00"},
                    BadRecord{"LengthOneShort", "0a 00 00 00 01 01 00"},
                    BadRecord{"LengthUnterminated", "80 80 80 80 80 80"},
                    BadRecord{"BytesLeftOverInRecord", "0e 00 00 00 01 01 00 00"},
                    BadRecord{"BytesLeftOverInBatch", "0c 00 00 00 01 01 00 00"},
                    BadRecord{"ASecondRecord", "0c 00 00 00 01 01 00 0c 00 00 02 01 01 00"},
                    BadRecord{"KeyLengthMinusTwo", "0c 00 00 00 03 01 00"},
                    BadRecord{"KeyLengthMinimum", "14 00 00 00 ff ff ff ff 0f 01 00"},
                    BadRecord{"KeyBeyondTheRecord", "0c 00 00 00 08 01 00"},
                    BadRecord{"KeyHuge", "14 00 00 00 fe ff ff ff 0f 01 00"},
                    BadRecord{"ValueLengthMinusTwo", "0c 00 00 00 01 03 00"},
                    BadRecord{"ValueBeyondTheRecord", "0c 00 00 00 01 06 00"},
                    BadRecord{"HeaderCountMinusOne", "0c 00 00 00 01 01 01"},
                    BadRecord{"HeaderCountAMillion", "10 00 00 00 01 01 80 89 7a"},
                    BadRecord{"HeaderKeyNull", "10 00 00 00 01 01 02 01 01"},
                    BadRecord{"HeaderKeyMinusTwo", "10 00 00 00 01 01 02 03 01"},
                    BadRecord{"HeaderKeyBeyond", "10 00 00 00 01 01 02 0a 01"},
                    BadRecord{"HeaderValueMinusTwo", "10 00 00 00 01 01 02 00 03"},
                    BadRecord{"HeaderValueBeyond", "10 00 00 00 01 01 02 00 02"},
                    BadRecord{"HeaderValueMissing", "0e 00 00 00 01 01 02 00"},
                    BadRecord{"OffsetDeltaOne", "0c 00 00 02 01 01 00"},
                    BadRecord{"OffsetDeltaMinusOne", "0c 00 00 01 01 01 00"},
                    BadRecord{"CutBehindTheAttributes", "0c 00"}),
    [](const auto& row) { return row.param.name; });

TEST(RecordTest, TheSmallestRecordAndOddOnesAreAccepted) {
  for (const char* hex : {"0c 00 00 00 01 01 00",        // null key, null value
                          "0c 7f 00 00 01 01 00",        // attributes set
                          "0c 00 00 00 00 00 00",        // empty key, empty value
                          "10 00 00 00 01 01 02 00 01",  // empty header key, null value
                          "10 00 80 00 00 01 01 80 00",  // overlong numbers
                          "1e 00 ff ff ff ff ff ff ff ff ff 01 00 01 01 00"}) {  // delta INT64_MIN
    EXPECT_EQ(test::code_of(test::raw_batch(from_hex(hex))), ErrorCode::none) << hex;
  }
}

TEST(RecordTest, CursorRefusesWhatItCannotRead) {
  const Bytes bytes = from_hex("0c 00 00 00 08 01 00");
  RecordCursor cursor(bytes);
  const auto record = cursor.next();
  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().code, ErrorCode::invalid_record);
  EXPECT_EQ(cursor.rest().size(), 7U);
}

TEST(RecordTest, InflatedRecordsAreThoseThatWentIn) {
  const Bytes plain = test::make_batch(100);
  const auto expected = RecordBatchView::parse(plain)->records();
  for (Codec codec : test::all_codecs) {
    const Bytes batch = test::make_batch(100, {.codec = codec});
    const auto view = RecordBatchView::parse(batch);
    ASSERT_TRUE(view);
    const auto records = inflate_records(*view);
    ASSERT_TRUE(records);
    EXPECT_TRUE(std::equal(records->begin(), records->end(), expected.begin(), expected.end()));
    EXPECT_EQ(record_timestamp(*view, **RecordCursor(*records).next()),
              TimestampMs(test::test_now));
    EXPECT_EQ(inflate_records(*view, 100).error().code, ErrorCode::message_too_large);
  }
}

}  // namespace
}  // namespace gregor::model
