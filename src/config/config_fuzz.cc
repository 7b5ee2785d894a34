// Fuzz target (libFuzzer): a server.properties file of any bytes. Beyond "no crash": what was
// accepted keeps the promises of a BrokerConfig, and a topic of its settings can be made.
#include <cstdint>

#include "base/assert.h"
#include "base/bytes.h"
#include "config/config_loader.h"
#include "config/topic_config_rules.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gregor;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto loaded = config::load_config({.file = config::ConfigFile{"f", text}});
  GREGOR_ASSERT(loaded.config.has_value() == loaded.errors.empty());
  if (!loaded.config) return 0;
  GREGOR_ASSERT(!loaded.config->listeners.empty() && !loaded.config->log_dirs.empty());
  GREGOR_ASSERT(!loaded.config->inter_broker_listener.empty());
  GREGOR_ASSERT(config::make_topic_config(*loaded.config, {}).has_value());
  return 0;
}
