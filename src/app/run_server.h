// The one place where the broker and the real runtime are put together.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "config/broker_config.h"

namespace gregor::app {

/// Runs a broker until SIGTERM or SIGINT, then stops it in order.
/// Thread: the main one; blocks. @return the exit code of the process: 0 after a clean stop, 1 if
/// it could not start
[[nodiscard]] int run_server(const config::BrokerConfig& config);

/// Connections that may be open beside the files of the logs. Pure.
/// @param reserved  gregor.reserved.file.descriptors
/// @errors invalid_config: the limit of open files leaves no room
[[nodiscard]] Result<std::int64_t> slots_beside_logs(std::int64_t open_files_max,
                                                     std::int64_t reserved);

/// How many the logs may keep open if gregor.log.file.descriptors.max does not say: of what is
/// reserved for them a quarter is left for files that are open for a moment. Pure.
[[nodiscard]] std::int64_t log_descriptors(std::int64_t open_files_max, std::int64_t reserved);

}  // namespace gregor::app
