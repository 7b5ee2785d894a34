// JoinGroup and SyncGroup requests that wait for their group, on the shard of their connection. The
// group knows each by a number only, so a request whose peer has gone leaves nothing behind there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <variant>

#include "base/assert.h"
#include "group/group_types.h"
#include "runtime/shard.h"

namespace gregor::broker {

using GroupAnswer = std::variant<group::JoinAnswer, group::SyncAnswer>;

/// Thread: one shard.
class GroupWaits {
 public:
  /// Lives in the request's task.
  struct Wait {
    explicit Wait(runtime::Shard& shard) : signal(shard) {}
    runtime::OneShot signal;
    std::optional<GroupAnswer> answer;
  };

  explicit GroupWaits(runtime::ShardId shard) : shard_(shard) {}
  GroupWaits(const GroupWaits&) = delete;
  GroupWaits& operator=(const GroupWaits&) = delete;

  /// @return the number under which the group is to answer; no other one has it in this process.
  [[nodiscard]] group::RequestId add(Wait& wait) {
    const group::RequestId id = (++last_ << shard_bits) | shard_.value();
    waits_.emplace(id, &wait);
    return id;
  }
  void remove(group::RequestId id) { waits_.erase(id); }
  /// Numbers that are not known any more are ignored.
  void answer(group::RequestId id, GroupAnswer answer) {
    auto found = waits_.find(id);
    if (found == waits_.end()) return;
    GREGOR_ASSERT(!found->second->answer);
    found->second->answer = std::move(answer);
    found->second->signal.set();
  }
  [[nodiscard]] std::size_t size() const { return waits_.size(); }
  /// The shard that waits.
  [[nodiscard]] static runtime::ShardId home_of(group::RequestId id) {
    return runtime::ShardId(static_cast<std::uint32_t>(id & ((1U << shard_bits) - 1)));
  }

 private:
  static constexpr int shard_bits = 16;  // gregor.shards <= 1024
  const runtime::ShardId shard_;
  std::uint64_t last_ = 0;
  std::map<group::RequestId, Wait*> waits_;
};

}  // namespace gregor::broker
