// What the configs of a broker leave each shard for fetch sessions.
#pragma once

#include "broker/fetch_session.h"
#include "config/broker_config.h"
#include "runtime/shard.h"

namespace gregor::broker {

/// A shard's share of max.incremental.fetch.session.cache.slots and of
/// gregor.fetch.session.partitions.max; the first shards take what is left over. Pure.
[[nodiscard]] FetchSessionLimits session_limits(const config::BrokerConfig& config,
                                                const runtime::Shard& shard);

}  // namespace gregor::broker
