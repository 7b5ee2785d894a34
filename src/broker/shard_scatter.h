// Spreads the parts of a request over the shards that own them, one message per shard, and brings
// the answers back in the order of the parts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "model/ids.h"
#include "runtime/shard.h"

namespace gregor::broker {

/// The shard that owns a partition: the topic's name picks where its partition 0 lies, the others
/// follow in turn. Same result in every run (FNV-1a, 64 bit).
[[nodiscard]] inline runtime::ShardId owner_of(std::string_view topic,
                                               model::PartitionIndex partition,
                                               std::uint32_t shard_count) {
  if (shard_count == 1) return runtime::ShardId(0);
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : topic) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  hash ^= hash >> 32;
  return runtime::ShardId(static_cast<std::uint32_t>(
      (hash + static_cast<std::uint32_t>(partition.value())) % shard_count));
}

namespace detail {

template <class Part>
struct ShardParts {
  std::vector<Part*> parts;
  std::vector<std::size_t> places;
};

template <class Part, class Answer, class Work>
runtime::Task<void> ask_shard(runtime::Shard& home, runtime::ShardId target,
                              ShardParts<Part>& group, Work& work, std::vector<Answer>& answers) {
  std::span<Part* const> parts(group.parts);
  auto question = [&work, target, parts] { return work(target, parts); };
  std::vector<Answer> got = co_await runtime::call_on(home, target, question);
  for (std::size_t i = 0; i < got.size(); ++i) answers[group.places[i]] = std::move(got[i]);
}

template <class Part, class Owner>
bool have_one_owner(std::span<Part> parts, Owner& owner) {
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (owner(parts[i]) != owner(parts[0])) return false;
  }
  return !parts.empty();
}

}  // namespace detail

/// Runs `work(shard id, parts)`, which returns a Task<std::vector<Answer>> with one answer per
/// part, on every shard that owns some of `parts`. Messages to one shard keep the order of the
/// calls.
///
/// @param owner  gives the shard of a part
/// @return answers in the order of `parts`
template <class Answer, class Part, class Owner, class Work>
runtime::Task<std::vector<Answer>> scatter(runtime::Shard& home, std::span<Part> parts, Owner owner,
                                           Work work) {
  if (detail::have_one_owner(parts, owner)) {  // the common case: one partition, or one shard
    const runtime::ShardId target = owner(parts[0]);
    std::vector<Part*> all;
    all.reserve(parts.size());
    for (Part& part : parts) all.push_back(&part);
    const std::span<Part* const> group(all);
    if (target == home.id()) co_return co_await work(target, group);
    auto question = [&work, target, group] { return work(target, group); };
    co_return co_await runtime::call_on(home, target, question);
  }
  std::map<runtime::ShardId, detail::ShardParts<Part>> groups;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto& group = groups[owner(parts[i])];
    group.parts.push_back(&parts[i]);
    group.places.push_back(i);
  }
  std::vector<Answer> answers(parts.size());
  runtime::TaskGroup pending;
  for (auto& [target, group] : groups) {
    pending.spawn(detail::ask_shard<Part, Answer, Work>(home, target, group, work, answers));
  }
  co_await pending.join();
  co_return answers;
}

}  // namespace gregor::broker
