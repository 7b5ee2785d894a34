#include "broker/groups/group_coordinator.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "broker/broker_shard.h"
#include "broker/controller_glue.h"
#include "broker/groups/offsets_topic.h"
#include "group/java_hash.h"
#include "model/topic_name.h"

namespace gregor::broker {
namespace {

constexpr std::string_view component = "groups";
// So many groups are looked at before the shard's loop gets its turn.
constexpr std::size_t looked_at_once = 100;
// The topic may be made later than this; then nobody is told.
constexpr std::chrono::seconds topic_wait{30};

runtime::Task<void> give_way(runtime::Shard& shard, std::size_t& count) {
  if (++count % looked_at_once == 0) co_await runtime::sleep_until(shard, shard.clock().now());
}

}  // namespace

GroupCoordinator::GroupCoordinator(BrokerShard& shard, GroupsOfShard& groups)
    : shard_(shard), groups_(groups), loading_(shard.shard()), stopping_(shard.shard()) {}

GroupPlace GroupCoordinator::place_of(const BrokerShard& home, std::string_view group_id) {
  const auto image = home.image();
  const model::TopicImage* topic = image->find(model::consumer_offsets_topic);
  const bool is_there = topic != nullptr && !topic->partitions.empty();
  const auto count = is_there ? static_cast<std::int32_t>(topic->partitions.size())
                              : home.config().offsets_topic_num_partitions;
  const std::int32_t partition = group::partition_of(group_id, count);
  return {partition, home.owner(model::consumer_offsets_topic, partition)};
}

Result<std::shared_ptr<OffsetsPartition>> GroupCoordinator::find(std::int32_t partition) const {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end()) return fail(ErrorCode::not_coordinator, "another broker is");
  const ErrorCode availability = found->second->availability();
  if (availability != ErrorCode::none) return fail(availability, "the partition can't be asked");
  return found->second;
}

void GroupCoordinator::lead(std::shared_ptr<Partition> partition) {
  const std::int32_t index = partition->log().partition().partition.value();
  if (partitions_.contains(index) || stopping_.is_set()) return;
  const OffsetsPartition::Place place{shard_, groups_, tasks_};
  auto led = std::make_shared<OffsetsPartition>(place, std::move(partition));
  partitions_.emplace(index, led);
  tasks_.spawn(OffsetsPartition::load(std::move(led), loading_));
}

void GroupCoordinator::let_go(std::int32_t partition) {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end()) return;
  const std::shared_ptr<OffsetsPartition> ended = std::move(found->second);
  partitions_.erase(found);
  ended->end();
}

std::vector<std::shared_ptr<OffsetsPartition>> GroupCoordinator::partitions() const {
  std::vector<std::shared_ptr<OffsetsPartition>> list;
  for (const auto& [index, partition] : partitions_) list.push_back(partition);
  return list;
}

void GroupCoordinator::start() { tasks_.spawn(run()); }

runtime::Task<void> GroupCoordinator::stop() {
  stopping_.set();
  for (const auto& partition : partitions()) {
    if (partition->state() == OffsetsPartition::State::loading) partition->end();
  }
  co_await tasks_.join();
}

runtime::Task<void> GroupCoordinator::run() {
  for (;;) {
    const auto interval =
        std::chrono::milliseconds(shard_.config().offsets_retention_check_interval_ms);
    const runtime::Instant next = shard_.shard().clock().now() + interval;
    const bool stopped = co_await stopping_.wait_until(next);
    if (stopped) co_return;
    for (const auto& partition : partitions()) {
      if (partition->availability() == ErrorCode::none) co_await expire(partition);
    }
  }
}

runtime::Task<void> GroupCoordinator::expire(std::shared_ptr<OffsetsPartition> partition) {
  const std::int64_t retention_ms =
      std::int64_t{shard_.config().offsets_retention_minutes} * 60 * 1000;
  std::size_t looked_at = 0, removed = 0;
  for (const std::string& id : groups_.ids(partition->index())) {
    co_await give_way(shard_.shard(), looked_at);
    if (stopping_.is_set() || partition->availability() != ErrorCode::none) co_return;
    if (!groups_.exists(partition->index(), id)) continue;
    const group::ExpiryFacts facts = groups_.expiry_facts(partition->index(), id);
    const model::TimestampMs now(shard_.shard().clock().wall_ms());
    const group::GroupOffsets* offsets = partition->offsets_of(id);
    if (offsets != nullptr) {
      std::vector<model::TopicPartition> expired = offsets->expired(facts, now, retention_ms);
      removed += expired.size();
      const ErrorCode error =
          co_await OffsetsPartition::remove_offsets(partition, id, std::move(expired));
      if (error != ErrorCode::none) co_return;  // the next round tries again
    }
    // Looked at again: a member or a commit may have come.
    if (partition->availability() != ErrorCode::none) co_return;
    if (!groups_.exists(partition->index(), id) || partition->offsets_of(id) != nullptr) continue;
    const group::ExpiryFacts facts_now = groups_.expiry_facts(partition->index(), id);
    if (!facts_now.is_empty) continue;
    groups_.remove(partition->index(), id);
    if (facts_now.generation == 0) continue;  // there is nothing of it in the log
    const ErrorCode error = co_await OffsetsPartition::remove_group(partition, id);
    if (error != ErrorCode::none) co_return;
  }
  if (removed > 0)
    log::info(component, "{}-{}: {} expired offsets removed", model::consumer_offsets_topic,
              partition->index(), removed);
}

void GroupCoordinator::follow(const model::ClusterImage& before, const model::ClusterImage& now) {
  if (partitions_.empty()) return;
  std::set<std::string, std::less<>> gone;
  now.for_each_topic_gone(before, [&](const model::TopicImage& topic) { gone.insert(topic.name); });
  if (!gone.empty()) tasks_.spawn(remove_topics(std::move(gone)));
}

void GroupCoordinator::want_topic() {
  if (is_making_topic_ || stopping_.is_set()) return;
  is_making_topic_ = true;
  tasks_.spawn(make_topic());
}

runtime::Task<void> GroupCoordinator::make_topic() {
  std::vector<controller::TopicRequest> wanted;
  wanted.push_back(offsets_topic(shard_.config(), shard_.image()->brokers().size()));
  CreateOptions options;
  options.deadline = shard_.shard().clock().now() + topic_wait;
  auto made = co_await shard_.controller().create_topics(std::move(wanted), options);
  is_making_topic_ = false;
  const TopicCreated& topic = made.front();
  const bool is_there =
      topic.error == ErrorCode::none || topic.error == ErrorCode::topic_already_exists;
  if (!is_there && topic.error != refused_) {
    log::error(component, "{} can't be made, so there are no groups: {}",
               model::consumer_offsets_topic, topic.message);
  }
  refused_ = is_there ? ErrorCode::none : topic.error;
}

runtime::Task<void> GroupCoordinator::remove_topics(std::set<std::string, std::less<>> topics) {
  std::size_t looked_at = 0;
  for (const auto& partition : partitions()) {
    for (const std::string& id : partition->groups_with_offsets()) {
      co_await give_way(shard_.shard(), looked_at);
      if (stopping_.is_set()) co_return;
      std::vector<model::TopicPartition> doomed;
      for (const std::string& topic : topics) {
        const group::GroupOffsets* offsets = partition->offsets_of(id);
        if (offsets == nullptr || !offsets->has_topic(topic)) continue;
        for (auto& place : offsets->partitions(topic)) doomed.push_back(std::move(place));
      }
      const ErrorCode error =
          co_await OffsetsPartition::remove_offsets(partition, id, std::move(doomed));
      if (error != ErrorCode::none) break;  // of this partition; they expire later
    }
  }
}

}  // namespace gregor::broker
