// Reader and Writer: the primitive encodings, what is tolerated, and what is refused without cost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

#include "protocol/reader.h"
#include "protocol/writer.h"

namespace gregor::protocol {
namespace {

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> result;
  for (const int value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

std::vector<std::byte> copy(ByteView view) { return {view.begin(), view.end()}; }

TEST(Reader, reads_what_writer_wrote) {
  Writer writer;
  const model::Uuid id = model::Uuid::from_bits(0x0123456789abcdef, 0xfedcba9876543210);
  writer.int8(-1);
  writer.int16(-2);
  writer.uint16(65535);
  writer.int32(std::numeric_limits<std::int32_t>::min());
  writer.int64(std::numeric_limits<std::int64_t>::max());
  writer.boolean(true);
  writer.float64(-0.1);
  writer.uuid(id);
  for (const bool flexible : {false, true}) {
    writer.string("grün", flexible);
    writer.nullable_string(std::nullopt, flexible, true);
    writer.nullable_string("", flexible, true);
    writer.bytes(as_bytes("abc"), flexible);
    writer.nullable_bytes(std::nullopt, flexible, true);
    writer.records(Records{.bytes = as_bytes("batch")}, flexible, true);
  }
  ASSERT_TRUE(writer.ok());

  Reader reader(writer.bytes());
  EXPECT_EQ(reader.int8(), -1);
  EXPECT_EQ(reader.int16(), -2);
  EXPECT_EQ(reader.uint16(), 65535);
  EXPECT_EQ(reader.int32(), std::numeric_limits<std::int32_t>::min());
  EXPECT_EQ(reader.int64(), std::numeric_limits<std::int64_t>::max());
  EXPECT_TRUE(reader.boolean());
  EXPECT_EQ(reader.float64(), -0.1);
  EXPECT_EQ(reader.uuid(), id);
  for (const bool flexible : {false, true}) {
    EXPECT_EQ(reader.string(flexible), "grün");
    EXPECT_EQ(reader.nullable_string(flexible, true), std::nullopt);
    EXPECT_EQ(reader.nullable_string(flexible, true), std::string_view(""));
    EXPECT_EQ(reader.bytes(flexible), Bytes(as_bytes("abc")));
    EXPECT_EQ(reader.nullable_bytes(flexible, true), std::nullopt);
    EXPECT_EQ(reader.records(flexible, true), Records{.bytes = as_bytes("batch")});
  }
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.remaining(), 0U);
}

TEST(Reader, uvarint_tolerates_what_kafka_tolerates) {
  struct Case {
    std::vector<std::byte> in;
    std::uint32_t value;
  };
  const Case cases[] = {
      {bytes_of({0x00}), 0},
      {bytes_of({0x7f}), 127},
      {bytes_of({0x80, 0x01}), 128},
      {bytes_of({0xff, 0xff, 0xff, 0xff, 0x0f}), 0xffffffff},
      {bytes_of({0x81, 0x00}), 1},                             // overlong
      {bytes_of({0x85, 0x80, 0x80, 0x80, 0x00}), 5},           // overlong, five bytes
      {bytes_of({0x81, 0x80, 0x80, 0x80, 0x7f}), 0xf0000001},  // high bits wrap away
  };
  for (const Case& one : cases) {
    Reader reader(one.in);
    EXPECT_EQ(reader.uvarint(), one.value);
    EXPECT_TRUE(reader.ok());
    EXPECT_EQ(reader.remaining(), 0U);
  }
}

TEST(Reader, uvarint_of_six_bytes_or_without_end_fails) {
  for (const auto& in :
       {bytes_of({0x80, 0x80, 0x80, 0x80, 0x80, 0x00}), bytes_of({0x80, 0x80}), bytes_of({})}) {
    Reader reader(in);
    EXPECT_EQ(reader.uvarint(), 0U);
    EXPECT_FALSE(reader.ok());
  }
}

TEST(Reader, any_byte_but_zero_is_true) {
  const auto in = bytes_of({2, 0, 0xff});
  Reader reader(in);
  EXPECT_TRUE(reader.boolean());
  EXPECT_FALSE(reader.boolean());
  EXPECT_TRUE(reader.boolean());
}

TEST(Reader, negative_lengths_are_null_where_null_is_legal) {
  const auto string_in = bytes_of({0xff, 0xfe});
  const auto long_in = bytes_of({0xff, 0xff, 0xff, 0xfe});
  const auto compact_in = bytes_of({0x81, 0x80, 0x80, 0x80, 0x08});  // length + 1 = 2^31 + 1
  EXPECT_EQ(Reader(string_in).nullable_string(false, true), std::nullopt);
  EXPECT_EQ(Reader(long_in).nullable_bytes(false, true), std::nullopt);
  EXPECT_EQ(Reader(long_in).nullable_array(false, true, 1, 1), std::nullopt);
  EXPECT_EQ(Reader(compact_in).nullable_array(true, true, 1, 1), std::nullopt);
  for (int type = 0; type < 4; ++type) {
    Reader reader(type == 0 ? string_in : type == 3 ? compact_in : long_in);
    if (type == 0) {
      EXPECT_EQ(reader.string(false), "");
    }
    if (type == 1) {
      EXPECT_EQ(reader.bytes(false), Bytes{});
    }
    if (type == 2) {
      EXPECT_EQ(reader.array(false, 1, 1), 0U);
    }
    if (type == 3) {
      EXPECT_EQ(reader.array(true, 1, 1), 0U);
    }
    EXPECT_FALSE(reader.ok()) << type;
  }
}

TEST(Reader, compact_zero_is_null) {
  const auto in = bytes_of({0});
  Reader legal(in);
  EXPECT_EQ(legal.nullable_string(true, true), std::nullopt);
  EXPECT_TRUE(legal.ok());
  Reader illegal(in);
  EXPECT_EQ(illegal.string(true), "");
  EXPECT_FALSE(illegal.ok());
}

TEST(Reader, string_longer_than_int16_fails_even_if_the_frame_holds_it) {
  Writer writer;
  writer.uvarint(32768 + 1);
  writer.raw(std::vector<std::byte>(40000));
  Reader reader(writer.bytes());
  EXPECT_EQ(reader.string(true), "");
  EXPECT_THAT(reader.error("X", 3).detail, testing::HasSubstr("X v3: a string longer than 32767"));
}

TEST(Reader, counts_beyond_the_frame_allocate_nothing) {
  for (const std::int32_t count : {std::numeric_limits<std::int32_t>::max(), 1000, 3}) {
    Writer writer;
    writer.int32(count);
    writer.int32(0);
    writer.int32(0);
    Reader reader(writer.bytes());
    EXPECT_EQ(reader.array(false, 4, 4), 0U);
    EXPECT_FALSE(reader.ok());
  }
}

TEST(Reader, arrays_may_take_a_bounded_amount_of_memory_in_sum) {
  const std::vector<std::byte> frame(1 << 20);
  Reader reader(frame);
  const std::size_t limit = Reader::allocation_limit(frame.size());
  Writer writer;
  writer.int32(1 << 19);
  writer.raw(frame);
  Reader one(writer.bytes());
  EXPECT_EQ(one.array(false, 1, 8), 1U << 19);
  Reader large(writer.bytes());
  EXPECT_EQ(large.array(false, 1, 80), 0U);
  EXPECT_FALSE(large.ok());
  EXPECT_LT(limit, 20U << 20);
}

TEST(Reader, first_error_sticks_and_all_later_reads_are_empty) {
  const auto in = bytes_of({0, 5, 'a', 'b'});
  Reader reader(in);
  EXPECT_EQ(reader.string(false), "");
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.remaining(), 0U);
  EXPECT_EQ(reader.int32(), 0);
  EXPECT_EQ(reader.tag_count(), 0U);
  const Error error = reader.error("Thing", 7);
  EXPECT_EQ(error.code, ErrorCode::invalid_request);
  EXPECT_EQ(error.detail, "Thing v7: the frame ends too early (at byte 2 of 4)");
}

TEST(Reader, skips_unknown_tags_in_any_order_and_twice) {
  const auto in = bytes_of({3, 9, 1, 0xaa, 2, 0, 9, 2, 0xbb, 0xbb, 0x77});
  Reader reader(in);
  reader.skip_tags();
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.remaining(), 1U);
}

TEST(Reader, tag_longer_than_the_rest_fails) {
  for (const auto& in : {bytes_of({1, 0, 2, 0}), bytes_of({1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f}),
                         bytes_of({2, 0, 0})}) {
    Reader reader(in);
    reader.skip_tags();
    EXPECT_FALSE(reader.ok());
  }
}

TEST(Reader, huge_tag_count_ends_at_the_frame) {
  const auto in = bytes_of({0xff, 0xff, 0xff, 0xff, 0x07, 1, 0, 1, 0});
  Reader reader(in);
  reader.skip_tags();
  EXPECT_FALSE(reader.ok());
}

TEST(Writer, puts_the_size_before_tagged_data) {
  Writer writer;
  const std::size_t small = writer.begin_tag(5);
  writer.int16(1);
  writer.end_tag(small);
  const std::size_t large = writer.begin_tag(300);
  writer.raw(std::vector<std::byte>(200));
  writer.end_tag(large);
  EXPECT_THAT(copy(writer.bytes().first(8)),
              testing::ElementsAreArray(bytes_of({5, 2, 0, 1, 0xac, 0x02, 0xc8, 0x01})));
  EXPECT_EQ(writer.size(), 8U + 200U);
}

TEST(Writer, notes_gaps_for_external_records) {
  Writer writer;
  writer.records(Records{.bytes = {}, .external_bytes = 1000}, false, true);
  writer.int8(7);
  writer.records(Records{.bytes = as_bytes("head"), .external_bytes = 5}, true, true);
  EXPECT_THAT(writer.gaps(), testing::ElementsAre(Gap{4, 1000}, Gap{10, 5}));
  EXPECT_EQ(writer.total_size(), 10U + 1005U);
  EXPECT_THAT(copy(writer.bytes()),
              testing::ElementsAreArray(bytes_of({0, 0, 3, 0xe8, 7, 10, 'h', 'e', 'a', 'd'})));
  writer.truncate(5);
  EXPECT_THAT(writer.gaps(), testing::ElementsAre(Gap{4, 1000}));
  EXPECT_EQ(writer.total_size(), 1005U);
}

TEST(Writer, first_error_sticks_until_truncated) {
  Writer writer;
  writer.int32(1);
  writer.nullable_string(std::nullopt, false, false);
  writer.fail_absent("X.Y");
  EXPECT_FALSE(writer.ok());
  EXPECT_EQ(writer.error("X", 2).code, ErrorCode::invalid_request);
  EXPECT_EQ(writer.error("X", 2).detail, "X v2: a null string where it is illegal");
  writer.truncate(4);
  EXPECT_TRUE(writer.ok());
  writer.string(std::string(32768, 'x'), true);
  EXPECT_FALSE(writer.ok());
}

TEST(Writer, remembers_error_codes) {
  Writer writer;
  writer.error_code(ErrorCode::none);
  writer.error_code(ErrorCode::offset_out_of_range);
  EXPECT_THAT(writer.error_codes(), testing::ElementsAre(ErrorCode::offset_out_of_range));
  EXPECT_THAT(writer.take(), testing::ElementsAreArray(bytes_of({0, 0, 0, 1})));
  EXPECT_TRUE(writer.error_codes().empty());
}

TEST(Writer, take_hands_the_buffer_over) {
  Writer writer;
  writer.int16(258);
  EXPECT_THAT(writer.take(), testing::ElementsAreArray(bytes_of({1, 2})));
  EXPECT_EQ(writer.size(), 0U);
  writer.int8(3);
  EXPECT_THAT(writer.take(), testing::ElementsAreArray(bytes_of({3})));
}

}  // namespace
}  // namespace gregor::protocol
