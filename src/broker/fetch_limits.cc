#include "broker/fetch_limits.h"

namespace gregor::broker {
namespace {

std::size_t share_of(std::int64_t limit, const runtime::Shard& shard) {
  const std::int64_t count = shard.count();
  return static_cast<std::size_t>(limit / count + (shard.id().value() < limit % count ? 1 : 0));
}

}  // namespace

FetchSessionLimits session_limits(const config::BrokerConfig& config, const runtime::Shard& shard) {
  FetchSessionLimits limits;
  limits.sessions = share_of(config.max_incremental_fetch_session_cache_slots, shard);
  limits.partitions = share_of(config.gregor_fetch_session_partitions_max, shard);
  limits.shard = shard.id().value();
  limits.shards = shard.count();
  return limits;
}

}  // namespace gregor::broker
