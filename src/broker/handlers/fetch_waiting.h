// How a fetch reads and waits: one visit to each shard that owns some of its partitions reads them
// and, where nothing was found, leaves a notice; a wake-up says which shards to visit again.
#pragma once

#include "broker/handlers/fetch_plan.h"
#include "broker/request_context.h"
#include "runtime/clock.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Reads what `plan` asks for; unless that is enough, waits for more until `deadline` or the peer's
/// going. Thread: the connection's shard.
runtime::Task<void> read_and_wait(RequestContext& context, FetchPlan& plan,
                                  runtime::Instant deadline);

}  // namespace gregor::broker
