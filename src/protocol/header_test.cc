// Headers and frames, with the exceptions that the protocol makes for ApiVersions and
// ControlledShutdown.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

#include "protocol/api_table.h"
#include "protocol/header.h"

namespace gregor::protocol {
namespace {

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> result;
  for (const int value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

std::vector<std::byte> copy(ByteView view) { return {view.begin(), view.end()}; }

TEST(Header, versions_by_api) {
  EXPECT_EQ(request_header_version(ApiKey::produce, 8), 1);
  EXPECT_EQ(request_header_version(ApiKey::produce, 9), 2);
  EXPECT_EQ(response_header_version(ApiKey::produce, 8), 0);
  EXPECT_EQ(response_header_version(ApiKey::produce, 9), 1);
  EXPECT_EQ(request_header_version(ApiKey::controlled_shutdown, 0), 0);
  EXPECT_EQ(request_header_version(ApiKey::controlled_shutdown, 1), 1);
  EXPECT_EQ(request_header_version(ApiKey::controlled_shutdown, 3), 2);
  EXPECT_EQ(response_header_version(ApiKey::api_versions, 0), 0);
  EXPECT_EQ(response_header_version(ApiKey::api_versions, 4), 0);
  EXPECT_EQ(request_header_version(ApiKey::api_versions, 3), 2);
  EXPECT_EQ(request_header_version(ApiKey::api_versions, 999), 2);
  EXPECT_EQ(request_header_version(ApiKey::api_versions, -1), 1);
  EXPECT_EQ(request_header_version(ApiKey::sasl_handshake, 1), 1);
  EXPECT_EQ(response_header_version(ApiKey::describe_cluster, 0), 1);
}

TEST(Header, table_is_sorted_and_complete) {
  EXPECT_EQ(api_table().size(), 64U);
  for (std::size_t i = 1; i < api_table().size(); ++i) {
    EXPECT_LT(api_table()[i - 1].key, api_table()[i].key);
  }
  ASSERT_NE(find_api(ApiKey::fetch), nullptr);
  EXPECT_EQ(find_api(ApiKey::fetch)->name, "Fetch");
  EXPECT_EQ(find_api(ApiKey::fetch)->version_highest, 18);
  EXPECT_EQ(find_api(ApiKey::init_producer_id)->version_stable_highest, 5);
  EXPECT_EQ(find_api(ApiKey::sasl_handshake)->flexible_from, never_flexible);
  EXPECT_EQ(find_api(static_cast<ApiKey>(52)), nullptr);
  EXPECT_EQ(find_api(static_cast<ApiKey>(-1)), nullptr);
}

TEST(Header, request_round_trip_in_each_form) {
  struct Case {
    ApiKey key;
    ApiVersion version;
    std::size_t size;
  };
  for (const Case& one : {Case{ApiKey::controlled_shutdown, 0, 8}, Case{ApiKey::fetch, 11, 13},
                          Case{ApiKey::fetch, 12, 14}}) {
    const RequestHeader header{.request_api_key = static_cast<std::int16_t>(one.key),
                               .request_api_version = one.version,
                               .correlation_id = -7,
                               .client_id = "abc"};
    Writer writer;
    ASSERT_TRUE(encode_request_header(writer, header).has_value());
    EXPECT_EQ(writer.size(), one.size);
    Reader reader(writer.bytes());
    const auto decoded = decode_request_header(reader);
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->request_api_version, one.version);
    EXPECT_EQ(decoded->correlation_id, -7);
    EXPECT_EQ(decoded->client_id, std::string_view(one.size == 8 ? "" : "abc"));
    EXPECT_EQ(reader.remaining(), 0U);
  }
}

TEST(Header, client_id_may_be_null_in_every_way) {
  for (const int low : {0xff, 0xfe}) {
    const auto in = bytes_of({0, 1, 0, 4, 0, 0, 0, 1, 0xff, low});
    Reader reader(in);
    const auto header = decode_request_header(reader);
    ASSERT_TRUE(header.has_value());
    EXPECT_EQ(header->client_id, std::nullopt);
  }
}

TEST(Header, odd_client_ids_are_taken_as_they_are) {
  const auto in = bytes_of({0, 1, 0, 4, 0, 0, 0, 1, 0, 4, 0, '\r', '\n', 0xff});
  Reader reader(in);
  const auto header = decode_request_header(reader);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->client_id->size(), 4U);
  EXPECT_EQ(
      header->to_json(1),
      R"({"requestApiKey":1,"requestApiVersion":4,"correlationId":1,"clientId":"\u0000\u000d\u000a)"
      "\xEF\xBF\xBD\"}");
}

TEST(Header, cut_short_anywhere_is_an_error) {
  const auto in = bytes_of({0, 1, 0, 12, 0, 0, 0, 1, 0, 1, 'c', 1, 5, 1, 0});
  for (std::size_t size = 0; size <= in.size(); ++size) {
    Reader reader(ByteView(in).first(size));
    EXPECT_EQ(decode_request_header(reader).has_value(), size == in.size()) << size;
  }
}

TEST(Header, unknown_api_key_is_refused) {
  for (const int low : {52, 93, 255}) {
    const auto in = bytes_of({low == 255 ? 255 : 0, low, 0, 0, 0, 0, 0, 1, 0xff, 0xff});
    Reader reader(in);
    const auto header = decode_request_header(reader);
    ASSERT_FALSE(header.has_value());
    EXPECT_EQ(header.error().code, ErrorCode::unsupported_version);
  }
}

TEST(Header, version_that_the_api_lacks_is_for_the_caller_to_judge) {
  const auto in = bytes_of({0, 18, 0, 99, 0, 0, 0, 1, 0xff, 0xff, 0});
  Reader reader(in);
  const auto header = decode_request_header(reader);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->request_api_version, 99);
  const auto without_tags = ByteView(in).first(10);
  Reader cut(without_tags);
  EXPECT_FALSE(decode_request_header(cut).has_value());
}

TEST(Header, response_header_has_tags_only_in_flexible_versions) {
  Writer writer;
  encode_response_header(writer, ApiKey::fetch, 11, 0x01020304);
  encode_response_header(writer, ApiKey::fetch, 12, 5);
  encode_response_header(writer, ApiKey::api_versions, 4, 6);
  EXPECT_THAT(copy(writer.bytes()),
              testing::ElementsAreArray(bytes_of({1, 2, 3, 4, 0, 0, 0, 5, 0, 0, 0, 0, 6})));
  Reader reader(writer.bytes());
  EXPECT_EQ(decode_response_header(reader, ApiKey::fetch, 11)->correlation_id, 0x01020304);
  EXPECT_EQ(decode_response_header(reader, ApiKey::fetch, 12)->correlation_id, 5);
  EXPECT_EQ(decode_response_header(reader, ApiKey::api_versions, 4)->correlation_id, 6);
  EXPECT_FALSE(decode_response_header(reader, ApiKey::fetch, 11).has_value());
}

TEST(Header, frame_size_counts_gaps) {
  Writer writer;
  const std::size_t start = begin_frame(writer);
  encode_response_header(writer, ApiKey::fetch, 4, 1);
  writer.records(Records{.external_bytes = 100}, false, true);
  ASSERT_TRUE(end_frame(writer, start).has_value());
  EXPECT_EQ(Reader(writer.bytes()).int32(), 4 + 4 + 100);
}

TEST(Header, frame_larger_than_int32_is_an_error) {
  Writer writer;
  const std::size_t start = begin_frame(writer);
  for (int i = 0; i < 2; ++i) writer.records(Records{.external_bytes = 1ULL << 30}, false, true);
  ASSERT_TRUE(writer.ok());
  EXPECT_FALSE(end_frame(writer, start).has_value());
}

}  // namespace
}  // namespace gregor::protocol
