#include "group/coordinator_record.h"

#include <utility>

#include "protocol/group_metadata_key.h"
#include "protocol/group_metadata_value.h"
#include "protocol/offset_commit_key.h"
#include "protocol/offset_commit_value.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace gregor::group {
namespace {

using protocol::Reader;
using protocol::Writer;

// Types of keys.
constexpr std::int16_t old_offset_key = 0;  // the same layout; of before Kafka 0.10
constexpr std::int16_t offset_key = 1;
constexpr std::int16_t group_key = 2;
// Versions of values that Kafka 3.9 writes.
constexpr std::int16_t offset_value_version = 3;
constexpr std::int16_t expiring_offset_value_version = 1;  // the only one with an expire time
constexpr std::int16_t group_value_version = 3;
constexpr std::int16_t key_version = 0;

template <class Message>
Result<std::vector<std::byte>> encode_behind(std::int16_t first, const Message& message,
                                             std::int16_t version) {
  Writer writer;
  writer.int16(first);
  if (auto written = message.encode(writer, version); !written)
    return fail(ErrorCode::invalid_request, std::move(written.error().detail));
  return writer.take();
}

Error corrupt(std::string detail) { return {ErrorCode::corrupt_message, std::move(detail)}; }

template <class Message>
Result<Message> decode_value(Reader& reader) {
  const std::int16_t version = reader.int16();
  if (!reader.ok() || version < Message::version_lowest || version > Message::version_highest) {
    return fail(
        corrupt(std::string(Message::message_name) + " of version " + std::to_string(version)));
  }
  auto message = Message::decode(reader, version);
  if (!message) return fail(corrupt(std::move(message.error().detail)));
  return message;
}

template <class Message>
Result<Message> decode_key(Reader& reader) {
  auto message = Message::decode(reader, key_version);
  if (!message) return fail(corrupt(std::move(message.error().detail)));
  return message;
}

std::vector<std::byte> copy(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

std::optional<std::string> copy(const std::optional<std::string_view>& text) {
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

std::optional<std::string_view> view(const std::optional<std::string>& text) {
  return text ? std::optional<std::string_view>(*text) : std::nullopt;
}

Result<CommittedOffset> decode_offset(ByteView bytes) {
  Reader reader(bytes);
  auto value = decode_value<protocol::OffsetCommitValue>(reader);
  if (!value) return fail(std::move(value.error()));
  CommittedOffset offset;
  offset.offset = model::Offset(value->offset);
  offset.leader_epoch = model::LeaderEpoch(value->leader_epoch);
  offset.metadata = value->metadata;
  offset.commit_time = model::TimestampMs(value->commit_timestamp);
  if (value->expire_timestamp != -1)
    offset.expire_time = model::TimestampMs(value->expire_timestamp);
  return offset;
}

StoredMember to_member(const protocol::GroupMetadataValue::MemberMetadata& row) {
  StoredMember member;
  member.member_id = row.member_id;
  member.instance_id = copy(row.group_instance_id);
  member.client_id = row.client_id;
  member.client_host = row.client_host;
  member.session_timeout_ms = row.session_timeout;
  member.rebalance_timeout_ms = row.rebalance_timeout;
  member.subscription = copy(row.subscription);
  member.assignment = copy(row.assignment);
  return member;
}

Result<StoredGroup> decode_group(ByteView bytes) {
  Reader reader(bytes);
  auto value = decode_value<protocol::GroupMetadataValue>(reader);
  if (!value) return fail(std::move(value.error()));
  StoredGroup group;
  group.protocol_type = value->protocol_type;
  group.generation = value->generation;
  group.protocol = copy(value->protocol);
  group.leader = copy(value->leader);
  group.state_since_ms = value->current_state_timestamp;
  for (const auto& row : value->members) group.members.push_back(to_member(row));
  return group;
}

Result<CoordinatorRecord> decode_offset_record(Reader& reader, std::optional<ByteView> value) {
  auto key = decode_key<protocol::OffsetCommitKey>(reader);
  if (!key) return fail(std::move(key.error()));
  OffsetRecord record;
  record.group = key->group;
  record.partition = {std::string(key->topic), model::PartitionIndex(key->partition)};
  if (value) {
    auto offset = decode_offset(*value);
    if (!offset) return fail(std::move(offset.error()));
    record.value = std::move(*offset);
  }
  return record;
}

Result<CoordinatorRecord> decode_group_record(Reader& reader, std::optional<ByteView> value) {
  auto key = decode_key<protocol::GroupMetadataKey>(reader);
  if (!key) return fail(std::move(key.error()));
  GroupRecord record;
  record.group = key->group;
  if (value) {
    auto group = decode_group(*value);
    if (!group) return fail(std::move(group.error()));
    record.value = std::move(*group);
  }
  return record;
}

}  // namespace

Result<EncodedRecord> encode(const OffsetRecord& record) {
  protocol::OffsetCommitKey key;
  key.group = record.group;
  key.topic = record.partition.topic;
  key.partition = record.partition.partition.value();
  auto encoded_key = encode_behind(offset_key, key, key_version);
  if (!encoded_key) return fail(std::move(encoded_key.error()));
  EncodedRecord encoded{std::move(*encoded_key), std::nullopt};
  if (!record.value) return encoded;
  protocol::OffsetCommitValue value;
  value.offset = record.value->offset.value();
  value.leader_epoch = record.value->leader_epoch.value();
  value.metadata = record.value->metadata;
  value.commit_timestamp = record.value->commit_time.value();
  std::int16_t version = offset_value_version;
  if (record.value->expire_time) {
    value.expire_timestamp = record.value->expire_time->value();
    version = expiring_offset_value_version;
  }
  auto encoded_value = encode_behind(version, value, version);
  if (!encoded_value) return fail(std::move(encoded_value.error()));
  encoded.value = std::move(*encoded_value);
  return encoded;
}

Result<EncodedRecord> encode(const GroupRecord& record) {
  protocol::GroupMetadataKey key;
  key.group = record.group;
  auto encoded_key = encode_behind(group_key, key, key_version);
  if (!encoded_key) return fail(std::move(encoded_key.error()));
  EncodedRecord encoded{std::move(*encoded_key), std::nullopt};
  if (!record.value) return encoded;
  protocol::GroupMetadataValue value;
  value.protocol_type = record.value->protocol_type;
  value.generation = record.value->generation;
  value.protocol = view(record.value->protocol);
  value.leader = view(record.value->leader);
  value.current_state_timestamp = record.value->state_since_ms;
  for (const StoredMember& member : record.value->members) {
    protocol::GroupMetadataValue::MemberMetadata row;
    row.member_id = member.member_id;
    row.group_instance_id = view(member.instance_id);
    row.client_id = member.client_id;
    row.client_host = member.client_host;
    row.rebalance_timeout = member.rebalance_timeout_ms;
    row.session_timeout = member.session_timeout_ms;
    row.subscription = member.subscription;
    row.assignment = member.assignment;
    value.members.push_back(row);
  }
  auto encoded_value = encode_behind(group_value_version, value, group_value_version);
  if (!encoded_value) return fail(std::move(encoded_value.error()));
  encoded.value = std::move(*encoded_value);
  return encoded;
}

Result<CoordinatorRecord> decode_record(ByteView key, std::optional<ByteView> value) {
  Reader reader(key);
  const std::int16_t type = reader.int16();
  if (!reader.ok()) return fail(corrupt("a key without its type"));
  switch (type) {
    case old_offset_key:
    case offset_key:
      return decode_offset_record(reader, value);
    case group_key:
      return decode_group_record(reader, value);
    default:
      return ForeignRecord{type};
  }
}

}  // namespace gregor::group
