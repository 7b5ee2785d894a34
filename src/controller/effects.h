// What the controller wants done. ControllerService performs effects one by one, in order, and
// reports each result by the event named with it; that may add effects at the end.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "controller/requests.h"
#include "znode/topic_node.h"

namespace gregor::controller {

/// A state node to write, conditional on /controller_epoch.
struct StateWrite {
  model::TopicPartition partition;
  znode::PartitionState state;
  std::optional<std::int32_t>
      expected_version;  ///< nullopt: the node is to be created, with its parents
};

enum class WriteOutcome {
  written,
  conflict,          ///< the node is not at the expected version, is there already, or has gone
  controller_moved,  ///< /controller_epoch is not ours any more
  unknown,           ///< may or may not have been written
};

struct StateWritten {
  StateWrite write;
  WriteOutcome outcome = WriteOutcome::unknown;
  std::int32_t version = 0;  ///< of the node, if written
};

namespace effect {

/// Children of /brokers/ids, with a watch, and their data -> on_brokers.
struct ReadBrokers {};
/// Children of /brokers/topics, with a watch -> on_topic_list.
struct ReadTopicList {};
/// Children of /admin/delete_topics, with a watch -> on_deletion_requests.
struct ReadDeletionRequests {};
/// Children of /config/changes, with a watch, and the configs that they name -> on_topic_configs.
/// Those of brokers go to the broker itself.
struct ReadConfigChanges {};
/// Assignment, configs and states of topics -> on_topics_read. Topics that have gone meanwhile are
/// left out.
struct ReadTopics {
  std::vector<std::string> names;
};
/// -> on_states_written
struct WriteStates {
  std::vector<StateWrite> writes;
};
/// Ends when the broker has applied it.
struct SendLeaderAndIsr {
  LeaderAndIsr request;
};
struct SendUpdateMetadata {
  UpdateMetadata request;
};
/// -> on_replicas_stopped
struct SendStopReplica {
  StopReplica request;
};
/// Removes all nodes of topics, their configs and their deletion requests, in this order ->
/// on_topics_removed.
struct RemoveTopics {
  std::vector<std::string> names;
};
/// Deletion requests that name nothing.
struct RemoveDeletionRequests {
  std::vector<std::string> names;
};
/// Another controller has taken over.
struct Resign {
  std::string reason;
};

}  // namespace effect

using Effect =
    std::variant<effect::ReadBrokers, effect::ReadTopicList, effect::ReadDeletionRequests,
                 effect::ReadConfigChanges, effect::ReadTopics, effect::WriteStates,
                 effect::SendLeaderAndIsr, effect::SendUpdateMetadata, effect::SendStopReplica,
                 effect::RemoveTopics, effect::RemoveDeletionRequests, effect::Resign>;

}  // namespace gregor::controller
