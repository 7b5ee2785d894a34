// What may be created and deleted: the checks of CreateTopics and DeleteTopics as pure functions,
// in the order of Apache Kafka 4.1. Start with plan_topics().
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "controller/replica_assignment.h"
#include "model/cluster_image.h"
#include "model/ids.h"
#include "model/uuid.h"

namespace gregor::controller {

/// One topic of a CreateTopics request, as asked.
struct TopicRequest {
  struct Assignment {
    std::int32_t partition = 0;
    std::vector<std::int32_t> brokers;
  };
  std::string name;
  std::int32_t partitions = -1;          ///< -1 = num.partitions
  std::int16_t replication_factor = -1;  ///< -1 = default.replication.factor
  std::vector<Assignment> assignments;   ///< if not empty, both numbers must be -1
  std::vector<std::pair<std::string, std::optional<std::string>>> configs;
};

/// What the option table knows about topic configs. Thread: that of the controller.
class TopicConfigRules {
 public:
  virtual ~TopicConfigRules() = default;
  /// Checks a topic's own configs, names and values and what depends on several of them.
  /// @return the values as they are to be stored (trimmed)
  /// @errors invalid_config with a text for the client
  [[nodiscard]] virtual Result<model::ConfigEntries> check(
      const model::ConfigEntries& configs) const = 0;
};

/// What is there already and what the settings say.
struct TopicRulesContext {
  std::vector<BrokerPlace> brokers;  ///< live ones
  std::int32_t default_partitions = 1;
  std::int16_t default_replication_factor = 1;
  const TopicConfigRules* configs = nullptr;  ///< not null
  /// True if a topic of that name exists or is being deleted.
  std::function<bool(const std::string&)> exists;
  /// Name of an existing topic that collides with it ('.' = '_'), or "".
  std::function<std::string(const std::string&)> colliding;
  /// Draws a number in [0, n), for the start and the shift of an assignment.
  std::function<std::uint64_t(std::uint64_t)> draw_below;
};

/// A topic that may be created, or why not.
struct TopicPlan {
  std::string name;
  ErrorCode error = ErrorCode::none;
  std::string message;                                   ///< for the client; empty on success
  std::vector<std::vector<model::BrokerId>> assignment;  ///< replicas of partition 0, 1, ...
  model::ConfigEntries configs;
  [[nodiscard]] bool ok() const { return error == ErrorCode::none; }
};

/// One plan per distinct name, in the order of the request; names that occur more than once go
/// last.
[[nodiscard]] std::vector<TopicPlan> plan_topics(const std::vector<TopicRequest>& requests,
                                                 const TopicRulesContext& context);

/// One entry of DeleteTopics: by name or by id.
struct DeletionRequest {
  std::optional<std::string> name;
  model::Uuid id;  ///< zero = not given
};

/// An entry that may be deleted (error none, name set), or why not.
struct DeletionPlan {
  std::optional<std::string> name;
  model::Uuid id;
  ErrorCode error = ErrorCode::none;
  std::string message;
};

struct DeletionContext {
  bool enabled = true;  ///< delete.topic.enable
  /// Id of a topic that exists; nullopt if unknown.
  std::function<std::optional<model::Uuid>(const std::string&)> id_of;
  std::function<std::optional<std::string>(const model::Uuid&)> name_of;
};

/// One plan per distinct topic, in the order of the request; names and ids that occur twice are
/// answered once, last. A topic that is given by name and by id is answered once, and refused.
[[nodiscard]] std::vector<DeletionPlan> plan_deletions(const std::vector<DeletionRequest>& requests,
                                                       const DeletionContext& context);

}  // namespace gregor::controller
