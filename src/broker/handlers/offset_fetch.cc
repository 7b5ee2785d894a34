#include "broker/handlers/offset_fetch.h"

#include <optional>
#include <utility>
#include <vector>

#include "broker/authorizer.h"
#include "broker/broker_shard.h"
#include "broker/groups/group_coordinator.h"

namespace gregor::broker {
namespace {

using Request = protocol::OffsetFetchRequest;
using Response = protocol::OffsetFetchResponse;

constexpr protocol::ApiVersion many_groups_from_version = 8;
constexpr protocol::ApiVersion group_error_from_version = 2;

struct AskedTopic {
  std::string_view name;
  const std::vector<std::int32_t>* partitions = nullptr;
};

// One group of the request. It is looked up by the shard where the group lives.
struct Part {
  std::string_view group;
  std::optional<std::vector<AskedTopic>> topics;  // nullopt = all
  bool wants_stable = false;
  GroupPlace place;
};

struct FoundPartition {
  model::PartitionIndex index;
  group::CommittedOffset committed;
  ErrorCode error = ErrorCode::none;
};

struct FoundTopic {
  std::string name;
  std::vector<FoundPartition> partitions;
};

struct Found {
  ErrorCode error = ErrorCode::none;
  std::vector<FoundTopic> topics;
};

FoundPartition find_one(const OffsetsPartition& partition, const Part& part, std::string_view topic,
                        model::PartitionIndex index) {
  FoundPartition found;
  found.index = index;
  if (part.wants_stable && partition.is_unstable(part.group, topic, index)) {
    found.error = ErrorCode::unstable_offset_commit;
    return found;
  }
  const group::GroupOffsets* offsets = partition.offsets_of(part.group);
  const group::CommittedOffset* committed =
      offsets == nullptr ? nullptr : offsets->find(topic, index);
  if (committed != nullptr) found.committed = *committed;
  return found;
}

Found find_all(const OffsetsPartition& partition, const Part& part) {
  Found found;
  const group::GroupOffsets* offsets = partition.offsets_of(part.group);
  if (offsets == nullptr) return found;
  offsets->for_each([&](const std::string& topic, model::PartitionIndex index, const auto&) {
    if (found.topics.empty() || found.topics.back().name != topic)
      found.topics.push_back({topic, {}});
    found.topics.back().partitions.push_back(find_one(partition, part, topic, index));
  });
  return found;
}

Found find_group(BrokerShard& shard, const Part& part) {
  Found found;
  auto partition = shard.group_coordinator().find(part.place.partition);
  if (!partition) {
    found.error = partition.error().code;
    return found;
  }
  if (!part.topics) return find_all(**partition, part);
  for (const AskedTopic& topic : *part.topics) {
    auto& row = found.topics.emplace_back();
    row.name = topic.name;
    for (const std::int32_t index : *topic.partitions)
      row.partitions.push_back(
          find_one(**partition, part, topic.name, model::PartitionIndex(index)));
  }
  return found;
}

runtime::Task<std::vector<Found>> find_groups(BrokerShard& shard, std::span<Part* const> parts) {
  std::vector<Found> found;
  for (const Part* part : parts) found.push_back(find_group(shard, *part));
  co_return found;
}

template <class Topic>
std::vector<AskedTopic> to_asked(const std::vector<Topic>& topics) {
  std::vector<AskedTopic> asked;
  for (const auto& topic : topics) asked.push_back({topic.name, &topic.partition_indexes});
  return asked;
}

std::vector<Part> parts_of(const RequestContext& context, const Request& request) {
  std::vector<Part> parts;
  if (context.version < many_groups_from_version) {
    Part& part = parts.emplace_back();
    part.group = request.group_id;
    if (request.topics) part.topics = to_asked(*request.topics);
  }
  for (const auto& group : request.groups) {
    Part& part = parts.emplace_back();
    part.group = group.group_id;
    if (group.topics) part.topics = to_asked(*group.topics);
  }
  for (Part& part : parts) {
    part.wants_stable = request.require_stable;
    part.place = GroupCoordinator::place_of(context.shard, part.group);
  }
  return parts;
}

template <class Topics>
void add_topics(RequestContext& context, std::vector<FoundTopic>& found, Topics& rows) {
  for (FoundTopic& topic : found) {
    auto& topic_row = rows.emplace_back();
    topic_row.name = context.keep(std::move(topic.name));
    for (FoundPartition& partition : topic.partitions) {
      auto& row = topic_row.partitions.emplace_back();
      row.partition_index = partition.index.value();
      row.committed_offset = partition.committed.offset.value();
      row.committed_leader_epoch = partition.committed.leader_epoch.value();
      row.metadata = std::string_view();
      if (!partition.committed.metadata.empty())
        row.metadata = context.keep(std::move(partition.committed.metadata));
      row.error_code = partition.error;
    }
  }
}

// Version 1 has no other place for the group's error than its partitions.
void spread_error(const Part& part, Found& found) {
  if (!part.topics) return;
  for (const AskedTopic& topic : *part.topics) {
    auto& row = found.topics.emplace_back();
    row.name = topic.name;
    for (const std::int32_t index : *topic.partitions)
      row.partitions.push_back({model::PartitionIndex(index), {}, found.error});
  }
}

Response to_response(RequestContext& context, const std::vector<Part>& parts,
                     std::vector<Found>& found) {
  Response answer;
  if (context.version < many_groups_from_version) {
    Found& one = found.front();
    if (context.version >= group_error_from_version) {
      answer.error_code = one.error;
    } else if (one.error != ErrorCode::none) {
      spread_error(parts.front(), one);
    }
    add_topics(context, one.topics, answer.topics);
    return answer;
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto& group_row = answer.groups.emplace_back();
    group_row.group_id = parts[i].group;
    group_row.error_code = found[i].error;
    add_topics(context, found[i].topics, group_row.topics);
  }
  return answer;
}

}  // namespace

runtime::Task<protocol::OffsetFetchResponse> OffsetFetchHandler::handle(
    RequestContext& context, protocol::OffsetFetchRequest request) {
  std::vector<Part> parts = parts_of(context, request);
  BrokerShard& home = context.shard;
  auto owner = [](const Part& part) { return part.place.shard; };
  auto work = [&home](runtime::ShardId target, std::span<Part* const> group) {
    return find_groups(home.peer(target), group);
  };
  std::vector<Found> found =
      co_await scatter<Found>(home.shard(), std::span<Part>(parts), owner, work);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (authorize(context, Action::describe, ResourceType::group, parts[i].group)) continue;
    found[i] = Found{ErrorCode::group_authorization_failed, {}};
  }
  co_return to_response(context, parts, found);
}

}  // namespace gregor::broker
