#include "app/run_server.h"

#include "base/log.h"

namespace gregor::app {

int run_server(const config::BrokerConfig& config) {
  log::error("server", "this build has no broker yet; {} log dirs were configured",
             config.log_dirs.size());
  return 1;
}

}  // namespace gregor::app
