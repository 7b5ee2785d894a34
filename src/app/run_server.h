// The one place where the broker and the real runtime are put together.
#pragma once

#include "config/broker_config.h"

namespace gregor::app {

/// Runs a broker until SIGTERM or SIGINT, then stops it in order.
/// Thread: the main one; blocks. @return the exit code of the process: 0 after a clean stop, 1 if
/// it could not start
[[nodiscard]] int run_server(const config::BrokerConfig& config);

}  // namespace gregor::app
