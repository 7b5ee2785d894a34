// Generated messages: every API in every version, hostile input, and the rules on fields that a
// version lacks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "protocol/api_versions.h"
#include "protocol/describe_topic_partitions.h"
#include "protocol/fetch.h"
#include "protocol/list_offsets.h"
#include "protocol/metadata.h"
#include "protocol/produce.h"
#include "protocol/registry.h"

namespace gregor::protocol {
namespace {

std::vector<std::byte> copy(ByteView view) { return {view.begin(), view.end()}; }

template <class Body>
void for_every_message(Body body) {
  for (const MessageInfo* info : all_messages()) {
    for (int version = info->version_lowest; version <= info->version_highest; ++version) {
      body(*info, static_cast<ApiVersion>(version));
    }
  }
}

std::vector<std::byte> default_bytes(const MessageInfo& info, ApiVersion version) {
  Writer writer;
  const auto written = info.encode_default(writer, version);
  EXPECT_TRUE(written.has_value()) << info.name << " v" << version;
  return copy(writer.bytes());
}

TEST(Messages, registry_has_all) {
  EXPECT_EQ(all_messages().size(), 64U * 2 + 2 + 6);
  ASSERT_NE(find_message("FetchResponse"), nullptr);
  EXPECT_EQ(find_message(1, MessageKind::response), find_message("FetchResponse"));
  EXPECT_EQ(find_message(52, MessageKind::request), nullptr);
  EXPECT_EQ(find_message("Fetch"), nullptr);
}

TEST(Messages, default_message_round_trip_in_every_version) {
  for_every_message([](const MessageInfo& info, ApiVersion version) {
    const auto in = default_bytes(info, version);
    Reader reader(in);
    Writer writer;
    const auto json = info.reencode(reader, version, writer);
    ASSERT_TRUE(json.has_value()) << json.error().detail;
    EXPECT_EQ(reader.remaining(), 0U);
    EXPECT_EQ(copy(writer.bytes()), in) << info.name << " v" << version;
    EXPECT_EQ(json->front(), '{');
  });
}

TEST(Messages, cut_short_at_any_byte_is_an_error) {
  for_every_message([](const MessageInfo& info, ApiVersion version) {
    const auto in = default_bytes(info, version);
    for (std::size_t size = 0; size < in.size(); ++size) {
      Reader reader(ByteView(in).first(size));
      Writer writer;
      EXPECT_FALSE(info.reencode(reader, version, writer).has_value())
          << info.name << " v" << version << " cut to " << size;
    }
  });
}

TEST(Messages, trailing_bytes_are_left_alone) {
  for_every_message([](const MessageInfo& info, ApiVersion version) {
    auto in = default_bytes(info, version);
    in.resize(in.size() + 100, std::byte{0x5a});
    Reader reader(in);
    Writer writer;
    EXPECT_TRUE(info.reencode(reader, version, writer).has_value()) << info.name;
    EXPECT_EQ(reader.remaining(), 100U);
  });
}

TEST(Messages, versions_outside_the_range_are_refused) {
  for (const MessageInfo* info : all_messages()) {
    for (const int version : {info->version_lowest - 1, info->version_highest + 1}) {
      const std::vector<std::byte> in(64);
      Reader reader(in);
      Writer writer;
      const auto json = info->reencode(reader, static_cast<ApiVersion>(version), writer);
      ASSERT_FALSE(json.has_value()) << info->name;
      EXPECT_EQ(json.error().code, ErrorCode::unsupported_version);
      EXPECT_FALSE(info->encode_default(writer, static_cast<ApiVersion>(version)).has_value());
      EXPECT_EQ(writer.size(), 0U);
    }
  }
}

// Every position of every default message is overwritten with the largest counts there are:
// wherever an array or a string starts, that is its count. Nothing may be allocated for them (the
// sanitizers and the time limit see to it).
TEST(Messages, hostile_counts_everywhere_cost_nothing) {
  const std::vector<std::vector<std::byte>> patterns = {
      {std::byte{0x7f}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff}},
      {std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{0x07}},
      {std::byte{0x80}, std::byte{0x00}, std::byte{0x00}, std::byte{0x00}},
      {std::byte{0x00}, std::byte{0x0f}, std::byte{0xff}, std::byte{0xff}},
  };
  for_every_message([&](const MessageInfo& info, ApiVersion version) {
    const auto in = default_bytes(info, version);
    for (const auto& pattern : patterns) {
      for (std::size_t at = 0; at < in.size(); ++at) {
        auto hostile = in;
        hostile.resize(std::max(hostile.size(), at + pattern.size()));
        std::copy(pattern.begin(), pattern.end(),
                  hostile.begin() + static_cast<std::ptrdiff_t>(at));
        Reader reader(hostile);
        Writer writer;
        const auto json = info.reencode(reader, version, writer);
        if (json) {
          EXPECT_LE(writer.size(), 4096U);
        }
      }
    }
  });
}

TEST(Messages, array_count_of_a_real_request_is_checked) {
  for (const std::int32_t count : {std::numeric_limits<std::int32_t>::max(), 100000, -1, -2}) {
    Writer writer;
    writer.int32(count);
    writer.raw(std::vector<std::byte>(100));
    Reader reader(writer.bytes());
    const auto request = MetadataRequest::decode(reader, 1);
    EXPECT_EQ(request.has_value(), count < 0) << count;
    if (request) {
      EXPECT_FALSE(request->topics.has_value());
    }
    Reader oldest(writer.bytes());
    EXPECT_FALSE(MetadataRequest::decode(oldest, 0).has_value())
        << count;  // null is not legal there
  }
}

TEST(Messages, memory_of_many_tiny_items_is_bounded) {
  Writer writer;  // items of two bytes on the wire and 40 in memory, filling 4 MiB
  const std::uint32_t count = 2U << 20;
  writer.uvarint(count + 1);
  for (std::uint32_t i = 0; i < count; ++i) writer.uint16(0x0100);
  writer.raw(std::vector<std::byte>(8));
  Reader reader(writer.bytes());
  const auto request = MetadataRequest::decode(reader, 9);
  ASSERT_FALSE(request.has_value());
  EXPECT_THAT(request.error().detail, testing::HasSubstr("too much memory"));
}

TEST(Messages, unknown_tags_are_skipped_and_known_ones_are_bounded) {
  FetchRequest request;
  request.cluster_id = "c";
  Writer writer;
  ASSERT_TRUE(request.encode(writer, 12).has_value());
  auto in = copy(writer.bytes());
  ASSERT_EQ(in[in.size() - 5], std::byte{1});  // one tag: 0, size 2, compact string of one byte
  auto with_unknown = in;
  with_unknown[in.size() - 5] = std::byte{3};
  for (const int value : {9, 1, 0xee, 2, 0}) with_unknown.push_back(static_cast<std::byte>(value));
  Reader reader(with_unknown);
  const auto decoded = FetchRequest::decode(reader, 12);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(*decoded, request);
  in[in.size() - 3] = std::byte{3};  // the size of the known tag does not fit its data
  in.push_back(std::byte{0});
  Reader wrong(in);
  EXPECT_FALSE(FetchRequest::decode(wrong, 12).has_value());
}

TEST(Messages, tag_of_a_later_version_is_unknown_in_this_one) {
  FetchRequest request;
  request.replica_id = -1;
  request.replica_state.replica_id = 3;
  Writer writer;
  ASSERT_TRUE(request.encode(writer, 15).has_value());
  auto newer = copy(writer.bytes());
  Reader reader(newer);
  EXPECT_EQ(FetchRequest::decode(reader, 15)->replica_state.replica_id, 3);
  const std::vector<std::byte> replica_id(4, std::byte{0xff});
  auto older = replica_id;
  older.insert(older.end(), newer.begin(), newer.end());
  Reader old_reader(older);
  const auto decoded = FetchRequest::decode(old_reader, 13);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->replica_state, FetchRequest::ReplicaState{});
}

TEST(Messages, set_field_that_the_version_lacks_fails_unless_ignorable) {
  Writer writer;
  FetchRequest request;
  request.max_bytes = 5;  // 3+, may be dropped
  EXPECT_TRUE(request.encode(writer, 0).has_value());
  const std::size_t before = writer.size();
  request.replica_state.replica_epoch = 4;  // 15+, must not be dropped
  const auto written = request.encode(writer, 14);
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().code, ErrorCode::unsupported_version);
  EXPECT_EQ(written.error().detail,
            "FetchRequest v14: this version has no field FetchRequest.ReplicaState");
  EXPECT_EQ(writer.size(), before);
  EXPECT_TRUE(request.encode(writer, 15).has_value());
}

TEST(Messages, null_where_the_version_forbids_it_fails) {
  MetadataRequest request;
  request.topics = std::nullopt;
  Writer writer;
  EXPECT_FALSE(request.encode(writer, 0).has_value());
  EXPECT_TRUE(request.encode(writer, 1).has_value());
  MetadataResponse response;
  response.topics.push_back({.name = std::nullopt});
  EXPECT_FALSE(response.encode(writer, 11).has_value());
  EXPECT_TRUE(response.encode(writer, 12).has_value());
}

TEST(Messages, views_point_into_the_frame) {
  ProduceRequest request;
  request.topic_data.push_back(
      {.name = "topic",
       .partition_data = {{.index = 3, .records = Records{.bytes = as_bytes("batch")}}}});
  Writer writer;
  ASSERT_TRUE(request.encode(writer, 9).has_value());
  const auto frame = writer.take();
  Reader reader(frame);
  const auto decoded = ProduceRequest::decode(reader, 9);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(*decoded, request);
  const auto* text = reinterpret_cast<const std::byte*>(decoded->topic_data[0].name.data());
  EXPECT_TRUE(text > frame.data() && text < frame.data() + frame.size());
}

TEST(Messages, external_records_leave_gaps) {
  FetchResponse response;
  response.responses.push_back({.topic = "t"});
  auto& partitions = response.responses[0].partitions;
  partitions.push_back({.partition_index = 0, .records = Records{.external_bytes = 300}});
  partitions.push_back({.partition_index = 1, .records = Records{.bytes = as_bytes("ab")}});
  partitions.push_back({.partition_index = 2, .records = Records{.external_bytes = 7}});
  for (const ApiVersion version : {ApiVersion{4}, ApiVersion{12}}) {
    Writer writer;
    ASSERT_TRUE(response.encode(writer, version).has_value());
    ASSERT_EQ(writer.gaps().size(), 2U);
    auto whole = copy(writer.bytes());
    for (const std::size_t index : {std::size_t{1}, std::size_t{0}}) {
      const Gap gap = writer.gaps()[index];
      whole.insert(whole.begin() + static_cast<std::ptrdiff_t>(gap.position), gap.size,
                   std::byte{'x'});
    }
    EXPECT_EQ(whole.size(), writer.total_size());
    Reader reader(whole);
    const auto decoded = FetchResponse::decode(reader, version);
    ASSERT_TRUE(decoded.has_value());
    const auto& got = decoded->responses[0].partitions;
    EXPECT_EQ(got[0].records->size(), 300U);
    EXPECT_EQ(got[1].records, Records{.bytes = as_bytes("ab")});
    EXPECT_EQ(got[2].records->size(), 7U);
  }
}

TEST(Messages, nullable_struct) {
  DescribeTopicPartitionsRequest request;
  Writer writer;
  ASSERT_TRUE(request.encode(writer, 0).has_value());
  EXPECT_EQ(request.to_json(0), R"({"topics":[],"responsePartitionLimit":2000,"cursor":null})");
  request.cursor = DescribeTopicPartitionsRequest::Cursor{.topic_name = "t", .partition_index = 4};
  writer.clear();
  ASSERT_TRUE(request.encode(writer, 0).has_value());
  Reader reader(writer.bytes());
  EXPECT_EQ(*DescribeTopicPartitionsRequest::decode(reader, 0), request);
  EXPECT_EQ(request.to_json(0), R"({"topics":[],"responsePartitionLimit":2000,)"
                                R"("cursor":{"topicName":"t","partitionIndex":4}})");
}

TEST(Messages, unknown_error_codes_and_keys_pass_through) {
  ApiVersionsResponse response;
  response.error_code = static_cast<ErrorCode>(1234);
  response.api_keys.push_back({.api_key = -5, .min_version = 1, .max_version = 2});
  Writer writer;
  ASSERT_TRUE(response.encode(writer, 0).has_value());
  Reader reader(writer.bytes());
  EXPECT_EQ(*ApiVersionsResponse::decode(reader, 0), response);
  EXPECT_EQ(response.to_json(0),
            R"({"errorCode":1234,"apiKeys":[{"apiKey":-5,"minVersion":1,"maxVersion":2}]})");
}

}  // namespace
}  // namespace gregor::protocol
