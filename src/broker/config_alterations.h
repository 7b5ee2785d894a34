// ConfigAlterations: changes configs of topics and brokers: in the metadata store first, then here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "broker/config_nodes.h"
#include "broker/controller_glue.h"
#include "config/config_changes.h"
#include "metadata/store.h"
#include "runtime/shard.h"

namespace gregor::broker {

struct BrokerShared;

/// What is to be done to one resource.
struct ConfigAlteration {
  std::int8_t type = 0;  ///< of ConfigResourceType, or anything else
  std::string name;
  std::vector<config::ConfigChange> changes;
};

struct AlterationOptions {
  bool replaces = false;       ///< what is not named goes back to its default
  bool validate_only = false;  ///< everything is checked, nothing is done
};

/// Thread:  shard 0. Borrows all that it is given.
/// Order:   a change is in the store before it is answered, and has been applied by this broker.
/// Source:  Apache Kafka 4.1.1's answers; the nodes of 3.9's ZooKeeper mode.
class ConfigAlterations {
 public:
  ConfigAlterations(runtime::Shard& shard, metadata::Store& store, BrokerShared& shared,
                    ControllerService& controller)
      : shard_(shard), store_(store), shared_(shared), controller_(controller) {}

  /// Resources are independent of each other; one that occurs twice is not touched.
  /// @return per resource, in order, what went wrong, or the code none
  runtime::Task<std::vector<Error>> alter(std::vector<ConfigAlteration> asked,
                                          AlterationOptions options);

 private:
  runtime::Task<Result<void>> alter_one(const ConfigAlteration& asked, AlterationOptions options);
  runtime::Task<Result<void>> alter_topic(const ConfigAlteration& asked, AlterationOptions options);
  runtime::Task<Result<void>> alter_broker(const ConfigAlteration& asked,
                                           AlterationOptions options);
  [[nodiscard]] Result<void> alter_logger(const ConfigAlteration& asked, AlterationOptions options);
  template <class F>
  runtime::Task<Result<void>> rewrite(ConfigEntity entity, AlterationOptions options, F change);

  runtime::Shard& shard_;
  metadata::Store& store_;
  BrokerShared& shared_;
  ControllerService& controller_;
};

}  // namespace gregor::broker
