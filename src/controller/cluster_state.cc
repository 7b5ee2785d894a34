#include "controller/cluster_state.h"

#include <algorithm>

#include "base/assert.h"

namespace gregor::controller {
namespace {

constexpr model::BrokerId no_leader{-1};

bool contains(const std::vector<model::BrokerId>& list, model::BrokerId id) {
  return std::find(list.begin(), list.end(), id) != list.end();
}

}  // namespace

std::optional<znode::PartitionState> elect(const ElectionInput& input) {
  const auto& live = input.live_brokers;
  std::vector<model::BrokerId> live_isr;
  for (const auto id : input.current.isr) {
    if (live.contains(id)) live_isr.push_back(id);
  }
  auto next = input.current;
  next.leader_epoch = input.current.leader_epoch + 1;
  if (live.contains(input.current.leader) && !input.leader_is_void) {
    GREGOR_ASSERT(input.current.leader != no_leader);
    if (live_isr == input.current.isr || live_isr.empty()) return std::nullopt;
    next.isr = live_isr;
    return next;
  }
  for (const auto id : input.replicas) {
    if (!contains(live_isr, id)) continue;
    next.leader = id;
    next.isr = live_isr;
    return next;
  }
  for (const auto id : input.replicas) {
    if (!input.unclean || !live.contains(id)) continue;
    next.leader = id;
    next.isr = {id};
    next.recovering = true;
    return next;
  }
  if (input.current.leader == no_leader) return std::nullopt;
  next.leader = no_leader;
  return next;
}

}  // namespace gregor::controller
