// Groups that have no members: all that is known of them is that offsets were committed.
#pragma once

#include <map>
#include <string>

#include "broker/groups/groups_of_shard.h"

namespace gregor::broker {

/// Thread: its shard.
class SimpleGroups final : public GroupsOfShard {
 public:
  void take_over(std::int32_t partition, LoadedGroups groups) override;
  void let_go(std::int32_t partition) override;
  [[nodiscard]] bool exists(std::int32_t partition, std::string_view id) const override;
  void ensure(std::int32_t partition, std::string_view id) override;
  void remove(std::int32_t partition, std::string_view id) override;
  [[nodiscard]] std::vector<std::string> ids(std::int32_t partition) const override;
  [[nodiscard]] ErrorCode check_commit(std::int32_t partition, std::string_view id,
                                       const group::MemberClaim& member) override;
  [[nodiscard]] ErrorCode check_offset_delete(std::int32_t partition,
                                              std::string_view id) const override;
  [[nodiscard]] bool is_subscribed(std::int32_t partition, std::string_view id,
                                   std::string_view topic) const override;
  [[nodiscard]] group::ExpiryFacts expiry_facts(std::int32_t partition,
                                                std::string_view id) const override;

 private:
  std::map<std::int32_t, LoadedGroups> partitions_;
};

}  // namespace gregor::broker
