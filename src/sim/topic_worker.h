// TopicWorker: a model client that makes topics, fills them, deletes them and makes them again
// under the same name.
#pragma once

#include <string>

#include "sim/fetch_client.h"
#include "sim/producer.h"
#include "sim/topic_client.h"

namespace gregor::sim {

/// Thread: the clients' shard. Outlives its task.
class TopicWorker {
 public:
  /// @param number  of its values; unique among the producers
  TopicWorker(Fleet& fleet, std::uint32_t number);
  runtime::Task<void> run();

 private:
  runtime::Task<void> use(ClientConnection::Pointer connection);
  runtime::Task<bool> work_on(ClientConnection::Pointer connection, std::string name);
  runtime::Task<std::optional<SeenTopic>> make(ClientConnection::Pointer connection,
                                               std::string name);
  runtime::Task<void> ask_for(ClientConnection::Pointer connection, std::string name);
  runtime::Task<bool> remove(ClientConnection::Pointer connection, std::string name);
  runtime::Task<bool> fill(ClientConnection::Pointer connection, SeenTopic topic);
  runtime::Task<bool> read_back(ClientConnection::Pointer connection, SeenTopic topic);

  Fleet& fleet_;
  runtime::simulated::Prng numbers_;
  BatchMaker maker_;
};

}  // namespace gregor::sim
