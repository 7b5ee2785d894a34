// Configs in the metadata store: reading and writing the nodes below /config, and the notices of
// changes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "metadata/store.h"
#include "model/cluster_image.h"
#include "model/ids.h"
#include "runtime/shard.h"

namespace gregor::broker {

/// What may have configs, as its path below /config.
struct ConfigEntity {
  std::string path;                         ///< "topics/words", "brokers/1", "brokers/<default>"
  std::optional<std::string> must_exist{};  ///< a node without which nothing is written
};
[[nodiscard]] ConfigEntity topic_entity(std::string_view topic);
[[nodiscard]] ConfigEntity broker_entity(model::BrokerId id);
[[nodiscard]] ConfigEntity all_brokers_entity();

struct StoredConfigs {
  model::ConfigEntries configs;
  std::optional<std::int32_t> version;  ///< of the node; nullopt = there is none
};

/// @errors request_timed_out: the store did not answer; unknown_server_error: malformed
runtime::Task<Result<StoredConfigs>> read_configs(runtime::Shard& shard, metadata::Store& store,
                                                  ConfigEntity entity);

enum class ConfigsWritten {
  yes,
  changed_meanwhile,  ///< or nobody knows: read again
  entity_gone,
};

/// Writes all configs of an entity, with a notice for all brokers, if the node is as it was read.
/// @durable yes, once answered with `yes`.
/// @errors invalid_request: too large; whatever the store says
runtime::Task<Result<ConfigsWritten>> write_configs(metadata::Store& store, ConfigEntity entity,
                                                    model::ConfigEntries configs,
                                                    std::optional<std::int32_t> read_version);

/// What notices say that were not seen yet.
struct ConfigNews {
  std::set<std::string> topics;
  bool brokers = false;
  std::map<std::int64_t, std::int64_t> notices;  ///< number -> time of its making, ms
};

/// The notices under /config/changes. Source: Kafka's ZooKeeper mode: processed in the order of
/// their numbers; any broker removes those older than 15 minutes.
///
/// Thread: shard 0. Borrows shard and store.
class ConfigNotices {
 public:
  ConfigNotices(runtime::Shard& shard, metadata::Store& store) : shard_(shard), store_(store) {}

  /// Lists them, leaving a watch. The first time the configs of brokers count as changed and topics
  /// do not (they are read as a whole).
  runtime::Task<metadata::StoreResult<ConfigNews>> read();
  /// The news have been applied: they are not read again. Removes old notices.
  runtime::Task<void> done(ConfigNews news);

 private:
  runtime::Shard& shard_;
  metadata::Store& store_;
  bool is_first_ = true;
  std::int64_t last_ = -1;
  std::map<std::int64_t, std::int64_t> seen_;  // as ConfigNews::notices
};

}  // namespace gregor::broker
