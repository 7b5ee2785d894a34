#include "broker/groups/simple_groups.h"

#include <utility>

namespace gregor::broker {

void SimpleGroups::take_over(std::int32_t partition, LoadedGroups groups) {
  partitions_[partition] = std::move(groups);
}

void SimpleGroups::let_go(std::int32_t partition) { partitions_.erase(partition); }

bool SimpleGroups::exists(std::int32_t partition, std::string_view id) const {
  const auto found = partitions_.find(partition);
  return found != partitions_.end() && found->second.contains(id);
}

void SimpleGroups::ensure(std::int32_t partition, std::string_view id) {
  if (!exists(partition, id)) partitions_[partition].emplace(id, std::nullopt);
}

void SimpleGroups::remove(std::int32_t partition, std::string_view id) {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end()) return;
  const auto group = found->second.find(id);
  if (group != found->second.end()) found->second.erase(group);
}

std::vector<std::string> SimpleGroups::ids(std::int32_t partition) const {
  std::vector<std::string> ids;
  const auto found = partitions_.find(partition);
  if (found == partitions_.end()) return ids;
  for (const auto& [id, content] : found->second) ids.push_back(id);
  return ids;
}

ErrorCode SimpleGroups::check_commit(std::int32_t /*partition*/, std::string_view /*id*/,
                                     const group::MemberClaim& member) {
  return member.generation < 0 ? ErrorCode::none : ErrorCode::unknown_member_id;
}

ErrorCode SimpleGroups::check_offset_delete(std::int32_t partition, std::string_view id) const {
  return exists(partition, id) ? ErrorCode::none : ErrorCode::group_id_not_found;
}

bool SimpleGroups::is_subscribed(std::int32_t /*partition*/, std::string_view /*id*/,
                                 std::string_view /*topic*/) const {
  return false;
}

group::ExpiryFacts SimpleGroups::expiry_facts(std::int32_t partition, std::string_view id) const {
  group::ExpiryFacts facts;
  const auto found = partitions_.find(partition);
  if (found == partitions_.end()) return facts;
  const auto at = found->second.find(id);
  if (at == found->second.end() || !at->second) return facts;
  const group::StoredGroup& stored = *at->second;
  facts.has_protocol_type = !stored.protocol_type.empty();
  if (stored.state_since_ms != -1) facts.state_since = model::TimestampMs(stored.state_since_ms);
  return facts;
}

}  // namespace gregor::broker
