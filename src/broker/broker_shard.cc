#include "broker/broker_shard.h"

#include <fmt/format.h>

#include <utility>

#include "broker/fetch_limits.h"
#include "broker/groups/group_coordinator.h"
#include "broker/groups/group_shard.h"
#include "broker/groups/group_waits.h"
#include "broker/served_api.h"

namespace gregor::broker {
BrokerShard::BrokerShard(runtime::Shard& shard, BrokerShared& shared)
    : shard_(shard),
      shared_(shared),
      config_(std::shared_ptr<const config::BrokerConfig>(), &shared.config),
      image_(std::make_shared<const model::ClusterImage>()),
      parked_(shard),
      notices_([this](NoticeId notice) {
        const runtime::ShardId home = ParkedFetches::home_of(notice);
        BrokerShard* waiting = &peer(home);
        waiting->shard_.post(
            [waiting, notice, from = shard_.id()] { waiting->parked_.wake(notice, from); });
      }),
      fetch_sessions_(session_limits(shared.config, shard)),
      group_waits_(std::make_unique<GroupWaits>(shard.id())),
      groups_(std::make_unique<GroupShard>(*this)),
      group_coordinator_(std::make_unique<GroupCoordinator>(*this, *groups_)) {
  counters_.apis.resize(served_apis().size());
}

BrokerShard::~BrokerShard() = default;

void BrokerShard::set_image(std::shared_ptr<const model::ClusterImage> image) {
  const std::shared_ptr<const model::ClusterImage> before = std::exchange(image_, std::move(image));
  group_coordinator_->follow(*before, *image_);
}

std::shared_ptr<Partition> BrokerShard::find(std::string_view topic, std::int32_t partition) const {
  const auto found = by_topic_.find(topic);
  const auto index = static_cast<std::size_t>(partition);
  if (found == by_topic_.end() || partition < 0 || index >= found->second.size()) return nullptr;
  return found->second[index];
}

void BrokerShard::add(std::shared_ptr<Partition> partition) {
  partition->on_progress(
      [this](NoticeId notice, std::uint64_t bytes) { notices_.progress(notice, bytes); });
  const model::TopicPartition name = partition->log().partition();
  GREGOR_ASSERT(name.partition.value() >= 0);
  const auto index = static_cast<std::size_t>(name.partition.value());
  auto& of_topic = by_topic_[name.topic];
  if (of_topic.size() <= index) of_topic.resize(index + 1);
  of_topic[index] = partition;
  const bool is_new = partitions_.emplace(name, std::move(partition)).second;
  GREGOR_ASSERT(is_new);
}

std::shared_ptr<Partition> BrokerShard::remove(const model::TopicPartition& partition) {
  auto found = partitions_.find(partition);
  if (found == partitions_.end()) return nullptr;
  std::shared_ptr<Partition> removed = std::move(found->second);
  const auto of_topic = by_topic_.find(partition.topic);
  of_topic->second[static_cast<std::size_t>(partition.partition.value())] = nullptr;
  while (!of_topic->second.empty() && !of_topic->second.back()) of_topic->second.pop_back();
  if (of_topic->second.empty()) by_topic_.erase(of_topic);
  partitions_.erase(found);
  removed->retire();
  return removed;
}

std::optional<Error> BrokerShard::creation_refusal() const {
  const auto states = shared_.log_dirs->states();
  const storage::LogDirState& first = states.front();
  if (first.failure) return first.failure;
  if (first.has_room) return std::nullopt;
  return Error{
      ErrorCode::kafka_storage_error,
      fmt::format("the disk of the log dir {}, which holds the metadata, is full", first.path)};
}

std::vector<std::shared_ptr<Partition>> BrokerShard::of_topic(std::string_view topic) const {
  std::vector<std::shared_ptr<Partition>> list;
  const auto found = by_topic_.find(topic);
  if (found == by_topic_.end()) return list;
  for (const auto& partition : found->second) {
    if (partition) list.push_back(partition);
  }
  return list;
}

std::vector<std::shared_ptr<Partition>> BrokerShard::some_after(const model::TopicPartition& last,
                                                                std::size_t count) const {
  std::vector<std::shared_ptr<Partition>> list;
  for (auto place = partitions_.upper_bound(last);
       place != partitions_.end() && list.size() < count; ++place)
    list.push_back(place->second);
  return list;
}

std::vector<std::shared_ptr<Partition>> BrokerShard::all() const {
  std::vector<std::shared_ptr<Partition>> list;
  list.reserve(partitions_.size());
  for (const auto& [name, partition] : partitions_) list.push_back(partition);
  return list;
}

Result<std::shared_ptr<Partition>> BrokerShard::find_led(std::string_view topic,
                                                         std::int32_t partition,
                                                         std::int32_t current_epoch) const {
  std::shared_ptr<Partition> found = find(topic, partition);
  if (found && found->log().is_offline()) return fail(*found->log().failure());
  if (!found) {
    const model::PartitionImage* known = image_->find(topic, model::PartitionIndex(partition));
    if (known == nullptr) return fail(ErrorCode::unknown_topic_or_partition, "no such partition");
    if (known->leader == broker_id())
      return fail(ErrorCode::kafka_storage_error, "the log is not open");
    return fail(ErrorCode::not_leader_or_follower, "another broker hosts it");
  }
  const Leadership& leadership = found->leadership();
  if (leadership.leader != broker_id())
    return fail(ErrorCode::not_leader_or_follower, "another broker leads");
  if (current_epoch != -1 && current_epoch < leadership.epoch.value()) {
    return fail(ErrorCode::fenced_leader_epoch, "the leader epoch is older than the broker's");
  }
  if (current_epoch != -1 && current_epoch > leadership.epoch.value()) {
    return fail(ErrorCode::unknown_leader_epoch, "the leader epoch is newer than the broker's");
  }
  return found;
}

}  // namespace gregor::broker
