#include "group/group_offsets.h"

#include <utility>

#include "base/assert.h"

namespace gregor::group {
namespace {

// When the time of keeping an offset starts; nullopt: it is kept for now.
std::optional<model::TimestampMs> base_of(const ExpiryFacts& facts, const std::string& topic,
                                          const CommittedOffset& offset) {
  if (!facts.has_protocol_type) return offset.commit_time;
  const bool is_subscribed = facts.subscribed && facts.subscribed->contains(topic);
  if (is_subscribed) return std::nullopt;
  if (facts.is_empty) return facts.state_since.value_or(offset.commit_time);
  if (facts.is_stable && facts.subscribed) return offset.commit_time;
  return std::nullopt;
}

}  // namespace

const CommittedOffset* GroupOffsets::find(std::string_view topic,
                                          model::PartitionIndex partition) const {
  const auto of_topic = topics_.find(topic);
  if (of_topic == topics_.end()) return nullptr;
  const auto found = of_topic->second.find(partition);
  if (found == of_topic->second.end() || !found->second.stored) return nullptr;
  return &found->second.stored->committed;
}

GroupOffsets::Slot& GroupOffsets::slot(std::string_view topic, model::PartitionIndex partition) {
  auto of_topic = topics_.find(topic);
  if (of_topic == topics_.end()) of_topic = topics_.emplace(std::string(topic), Partitions{}).first;
  return of_topic->second[partition];
}

void GroupOffsets::begin(std::string_view topic, model::PartitionIndex partition) {
  ++slot(topic, partition).pending;
}

void GroupOffsets::cancel(std::string_view topic, model::PartitionIndex partition) {
  Slot& place = slot(topic, partition);
  GREGOR_ASSERT(place.pending > 0);
  --place.pending;
  drop_if_unused(topic, partition);
}

void GroupOffsets::change(Slot& place, std::optional<CommittedOffset> value, model::Offset at) {
  if (at < place.last_at) return;
  place.last_at = at;
  if (place.stored && !value) --count_;
  if (!place.stored && value) ++count_;
  place.stored = value ? std::optional(Stored{std::move(*value), at}) : std::nullopt;
}

void GroupOffsets::commit(std::string_view topic, model::PartitionIndex partition,
                          std::optional<CommittedOffset> value, model::Offset at) {
  Slot& place = slot(topic, partition);
  GREGOR_ASSERT(place.pending > 0);
  --place.pending;
  change(place, std::move(value), at);
  drop_if_unused(topic, partition);
}

void GroupOffsets::load(std::string_view topic, model::PartitionIndex partition,
                        std::optional<CommittedOffset> value, model::Offset at) {
  change(slot(topic, partition), std::move(value), at);
  drop_if_unused(topic, partition);
}

// A slot whose commits are all done and that holds nothing is not kept: nothing older can come.
void GroupOffsets::drop_if_unused(std::string_view topic, model::PartitionIndex partition) {
  const auto of_topic = topics_.find(topic);
  GREGOR_ASSERT(of_topic != topics_.end());
  const auto found = of_topic->second.find(partition);
  GREGOR_ASSERT(found != of_topic->second.end());
  if (found->second.stored || found->second.pending > 0) return;
  of_topic->second.erase(found);
  if (of_topic->second.empty()) topics_.erase(of_topic);
}

bool GroupOffsets::has_topic(std::string_view topic) const {
  return topics_.find(topic) != topics_.end();
}

void GroupOffsets::for_each(const std::function<void(const std::string&, model::PartitionIndex,
                                                     const Stored&)>& visit) const {
  for (const auto& [topic, partitions] : topics_) {
    for (const auto& [partition, place] : partitions) {
      if (place.stored) visit(topic, partition, *place.stored);
    }
  }
}

std::vector<model::TopicPartition> GroupOffsets::partitions(
    std::optional<std::string_view> topic) const {
  std::vector<model::TopicPartition> list;
  for_each([&](const std::string& name, model::PartitionIndex partition, const Stored&) {
    if (!topic || name == *topic) list.push_back({name, partition});
  });
  return list;
}

std::vector<model::TopicPartition> GroupOffsets::expired(const ExpiryFacts& facts,
                                                         model::TimestampMs now,
                                                         std::int64_t retention_ms) const {
  std::vector<model::TopicPartition> list;
  for (const auto& [topic, partitions] : topics_) {
    for (const auto& [partition, place] : partitions) {
      if (!place.stored || place.pending > 0) continue;
      const CommittedOffset& offset = place.stored->committed;
      const auto base = base_of(facts, topic, offset);
      if (!base) continue;
      const bool is_over =
          offset.expire_time ? now >= *offset.expire_time : now - *base >= retention_ms;
      if (is_over) list.push_back({topic, partition});
    }
  }
  return list;
}

}  // namespace gregor::group
