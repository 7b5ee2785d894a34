#include "controller/replica_assignment.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/assert.h"

namespace gregor::controller {
namespace {

using model::BrokerId;

// Brokers in the order in which leaders are dealt out: by id, or, with racks, one of each rack in
// turn.
std::vector<BrokerPlace> dealing_order(std::vector<BrokerPlace> brokers, bool racks) {
  std::sort(brokers.begin(), brokers.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  if (!racks) return brokers;
  std::map<std::string, std::vector<BrokerPlace>> by_rack;
  for (auto& broker : brokers) by_rack[*broker.rack].push_back(broker);
  std::vector<BrokerPlace> order;
  for (std::size_t round = 0; order.size() < brokers.size(); ++round) {
    for (auto& [rack, members] : by_rack) {
      if (round < members.size()) order.push_back(members[round]);
    }
  }
  return order;
}

/// Picks the replicas of one partition.
class ReplicaPicker {
 public:
  ReplicaPicker(const std::vector<BrokerPlace>& order, bool racks) : order_(order), racks_(racks) {
    std::set<std::string> names;
    for (const auto& broker : order) names.insert(broker.rack.value_or(""));
    rack_count_ = names.size();
  }

  std::vector<BrokerId> pick(std::size_t first, std::size_t shift, std::size_t count) {
    std::vector<BrokerId> replicas{order_[first].id};
    std::set<std::string> used_racks{order_[first].rack.value_or("")};
    const std::size_t others = order_.size() - 1;
    for (std::size_t step = 0; replicas.size() < count; ++step) {
      // With racks some are skipped, so that more than one round may be needed; without, none is.
      GREGOR_ASSERT(step < order_.size() * order_.size() + count);
      const auto& broker = order_[(first + 1 + (shift + step) % others) % order_.size()];
      const bool used = std::find(replicas.begin(), replicas.end(), broker.id) != replicas.end();
      const bool rack_used = used_racks.contains(broker.rack.value_or(""));
      if (used || (racks_ && rack_used && used_racks.size() < rack_count_)) continue;
      replicas.push_back(broker.id);
      used_racks.insert(broker.rack.value_or(""));
    }
    return replicas;
  }

 private:
  const std::vector<BrokerPlace>& order_;
  const bool racks_;
  std::size_t rack_count_ = 0;
};

}  // namespace

Result<std::vector<std::vector<BrokerId>>> assign_replicas(std::vector<BrokerPlace> brokers,
                                                           const AssignmentRequest& request) {
  if (request.partitions < 1)
    return fail(ErrorCode::invalid_partitions, "Number of partitions must be larger than 0.");
  if (request.replication_factor < 1) {
    return fail(ErrorCode::invalid_replication_factor, "Replication factor must be larger than 0.");
  }
  const auto count = static_cast<std::size_t>(request.replication_factor);
  if (count > brokers.size()) {
    return fail(ErrorCode::invalid_replication_factor,
                "Unable to replicate the partition " + std::to_string(count) +
                    " time(s): The target replication factor of " + std::to_string(count) +
                    " cannot be reached because only " + std::to_string(brokers.size()) +
                    " broker(s) are registered.");
  }
  const auto with_rack = std::count_if(brokers.begin(), brokers.end(),
                                       [](const auto& b) { return b.rack.has_value(); });
  if (with_rack != 0 && static_cast<std::size_t>(with_rack) != brokers.size()) {
    return fail(ErrorCode::broker_not_available, "Not all brokers have rack information.");
  }
  const bool racks = with_rack != 0;
  const auto order = dealing_order(std::move(brokers), racks);
  ReplicaPicker picker(order, racks);
  std::vector<std::vector<BrokerId>> assignment;
  std::size_t shift = request.shift;
  for (std::int32_t i = 0; i < request.partitions; ++i) {
    const auto partition = static_cast<std::size_t>(request.first_partition + i);
    if (partition > 0 && partition % order.size() == 0) ++shift;
    assignment.push_back(picker.pick((partition + request.start) % order.size(), shift, count));
  }
  return assignment;
}

Result<void> check_replicas(const std::vector<std::int32_t>& ids,
                            std::optional<std::size_t> expected,
                            const std::vector<BrokerPlace>& brokers) {
  const auto bad = [](std::string text) {
    return fail(ErrorCode::invalid_replica_assignment, std::move(text));
  };
  if (ids.empty()) return bad("The manual partition assignment includes an empty replica list.");
  std::set<std::int32_t> seen;
  for (const auto id : ids) {
    const bool known = std::any_of(brokers.begin(), brokers.end(),
                                   [id](const BrokerPlace& b) { return b.id.value() == id; });
    if (!known) {
      return bad("The manual partition assignment includes broker " + std::to_string(id) +
                 ", but no such broker is registered.");
    }
    if (!seen.insert(id).second) {
      return bad("The manual partition assignment includes the broker " + std::to_string(id) +
                 " more than once.");
    }
  }
  if (expected && *expected != ids.size()) {
    return bad("The manual partition assignment includes a partition with " +
               std::to_string(ids.size()) +
               " replica(s), but this is not consistent with previous partitions, which have " +
               std::to_string(*expected) + " replica(s).");
  }
  return {};
}

}  // namespace gregor::controller
