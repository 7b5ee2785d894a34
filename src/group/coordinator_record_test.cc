// Records of __consumer_offsets against bytes that Apache Kafka 4.1.1's own classes wrote.
#include "group/coordinator_record.h"

#include <gtest/gtest.h>

#include <map>

namespace gregor::group {
namespace {

using Bytes = std::vector<std::byte>;

Bytes from_hex(const std::string& text) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(std::stoi(text.substr(i, 2), nullptr, 16)));
  return bytes;
}

const std::string offset_key = "0001000267310005776f72647300000007";
const std::string group_key = "000200026731";

const std::map<int, std::string> offset_values = {
    {0, "0000000000000000002a00036dc3bc0000018bcfe56800"},
    {1, "0001000000000000002a00036dc3bc0000018bcfe568000000018bcfe56be8"},
    {2, "0002000000000000002a00036dc3bc0000018bcfe56800"},
    {3, "0003000000000000002a0000000300036dc3bc0000018bcfe56800"},
    {4, "0004000000000000002a00000003046dc3bc0000018bcfe5680000"},
};

const std::string group_head = "0008636f6e73756d657200000005000572616e676500036d2d31";
const std::map<int, std::string> group_values = {
    {0, "0000" + group_head +
            "0000000100036d2d31000163000a2f3132372e302e302e310000afc80000000201020000000103"},
    {1, "0001" + group_head +
            "0000000100036d2d31000163000a2f3132372e302e302e310000ea600000afc8000000020102000000010"
            "3"},
    {2, "0002" + group_head +
            "0000018bcfe568000000000100036d2d31000163000a2f3132372e302e302e310000ea600000afc800000"
            "00201020000000103"},
    {3, "0003" + group_head +
            "0000018bcfe568000000000100036d2d31000169000163000a2f3132372e302e302e310000ea600000afc"
            "80000000201020000000103"},
    {4,
     "000409636f6e73756d6572000000050672616e6765046d2d310000018bcfe5680002046d2d31026902630b2f3132"
     "372e302e302e310000ea600000afc803010202030000"},
};

OffsetRecord offset_record() {
  OffsetRecord record;
  record.group = "g1";
  record.partition = {"words", model::PartitionIndex(7)};
  record.value.emplace();
  record.value->offset = model::Offset(42);
  record.value->leader_epoch = model::LeaderEpoch(3);
  record.value->metadata = "m\u00fc";
  record.value->commit_time = model::TimestampMs(1700000000000);
  return record;
}

GroupRecord group_record() {
  GroupRecord record;
  record.group = "g1";
  StoredGroup& group = record.value.emplace();
  group.protocol_type = "consumer";
  group.generation = 5;
  group.protocol = "range";
  group.leader = "m-1";
  group.state_since_ms = 1700000000000;
  StoredMember& member = group.members.emplace_back();
  member.member_id = "m-1";
  member.instance_id = "i";
  member.client_id = "c";
  member.client_host = "/127.0.0.1";
  member.rebalance_timeout_ms = 60000;
  member.session_timeout_ms = 45000;
  member.subscription = from_hex("0102");
  member.assignment = from_hex("03");
  return record;
}

CoordinatorRecord decoded(const std::string& key, const std::string& value) {
  const Bytes key_bytes = from_hex(key), value_bytes = from_hex(value);
  auto record = decode_record(key_bytes, value_bytes);
  EXPECT_TRUE(record.has_value()) << record.error().detail;
  return record ? *record : CoordinatorRecord(ForeignRecord{});
}

TEST(CoordinatorRecord, an_offset_is_written_as_kafka_writes_it) {
  auto encoded = encode(offset_record());
  ASSERT_TRUE(encoded.has_value());
  EXPECT_EQ(encoded->key, from_hex(offset_key));
  EXPECT_EQ(encoded->value, from_hex(offset_values.at(3)));
  OffsetRecord expiring = offset_record();
  expiring.value->expire_time = model::TimestampMs(1700000001000);
  EXPECT_EQ(encode(expiring)->value, from_hex(offset_values.at(1)));
}

TEST(CoordinatorRecord, an_offset_is_read_in_every_version) {
  for (const auto& [version, value] : offset_values) {
    OffsetRecord expected = offset_record();
    if (version < 3) expected.value->leader_epoch = model::LeaderEpoch(-1);
    if (version == 1) expected.value->expire_time = model::TimestampMs(1700000001000);
    EXPECT_EQ(std::get<OffsetRecord>(decoded(offset_key, value)), expected) << version;
    const std::string old_key = "0000" + offset_key.substr(4);
    EXPECT_EQ(std::get<OffsetRecord>(decoded(old_key, value)), expected) << version;
  }
}

TEST(CoordinatorRecord, a_group_is_written_as_kafka_writes_it) {
  auto encoded = encode(group_record());
  ASSERT_TRUE(encoded.has_value());
  EXPECT_EQ(encoded->key, from_hex(group_key));
  EXPECT_EQ(encoded->value, from_hex(group_values.at(3)));
  GroupRecord empty = group_record();
  empty.value->generation = 6;
  empty.value->protocol.reset();
  empty.value->leader.reset();
  empty.value->members.clear();
  EXPECT_EQ(encode(empty)->value,
            from_hex("00030008636f6e73756d657200000006ffffffff0000018bcfe5680000000000"));
}

TEST(CoordinatorRecord, a_group_is_read_in_every_version) {
  for (const auto& [version, value] : group_values) {
    GroupRecord expected = group_record();
    if (version < 1) expected.value->members[0].rebalance_timeout_ms = -1;
    if (version < 2) expected.value->state_since_ms = -1;
    if (version < 3) expected.value->members[0].instance_id.reset();
    EXPECT_EQ(std::get<GroupRecord>(decoded(group_key, value)), expected) << version;
  }
}

TEST(CoordinatorRecord, tombstones) {
  OffsetRecord gone = offset_record();
  gone.value.reset();
  auto encoded = encode(gone);
  ASSERT_TRUE(encoded.has_value());
  EXPECT_EQ(encoded->value, std::nullopt);
  EXPECT_EQ(std::get<OffsetRecord>(*decode_record(encoded->key, std::nullopt)), gone);
  GroupRecord gone_group{"g1", std::nullopt};
  EXPECT_EQ(std::get<GroupRecord>(*decode_record(encode(gone_group)->key, std::nullopt)),
            gone_group);
}

TEST(CoordinatorRecord, other_kinds_are_told_apart) {
  for (const int type : {3, 4, 5, 6, 7, 8, 10, 15, 16, 23, 99}) {
    const Bytes key = {std::byte{0}, static_cast<std::byte>(type), std::byte{1}};
    auto record = decode_record(key, std::nullopt);
    ASSERT_TRUE(record.has_value());
    EXPECT_EQ(std::get<ForeignRecord>(*record).type, type);
  }
}

TEST(CoordinatorRecord, what_is_cut_or_of_an_unknown_version_is_corrupt) {
  const Bytes key = from_hex(offset_key), value = from_hex(offset_values.at(3));
  for (std::size_t size = 0; size < key.size(); ++size) {
    auto record = decode_record(ByteView(key).first(size), value);
    ASSERT_FALSE(record.has_value()) << size;
    EXPECT_EQ(record.error().code, ErrorCode::corrupt_message);
  }
  for (std::size_t size = 0; size < value.size(); ++size)
    EXPECT_FALSE(decode_record(key, ByteView(value).first(size)).has_value()) << size;
  for (const char* version : {"0005", "ffff"}) {
    const Bytes strange = from_hex(version + offset_values.at(3).substr(4));
    EXPECT_FALSE(decode_record(key, strange).has_value()) << version;
  }
}

TEST(CoordinatorRecord, texts_beyond_the_format_are_refused) {
  OffsetRecord record = offset_record();
  record.group.assign(32768, 'g');
  ASSERT_FALSE(encode(record).has_value());
  EXPECT_EQ(encode(record).error().code, ErrorCode::invalid_request);
}

}  // namespace
}  // namespace gregor::group
