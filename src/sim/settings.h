// Settings: everything that one run is made of; drawn from its seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "metadata/simulated/simulated_store.h"
#include "model/compression.h"
#include "runtime/clock.h"
#include "runtime/simulated/world_options.h"

namespace gregor::sim {

/// A topic that is there for the whole run.
struct TopicPlan {
  std::string name;
  std::int32_t partitions = 1;
  std::vector<std::pair<std::string, std::string>> configs;
  bool has_append_time = false;     ///< message.timestamp.type=LogAppendTime
  bool is_compressed_anew = false;  ///< compression.type is not producer
};

struct ProducerPlan {
  std::uint32_t number = 1;  ///< of its values; unique
  bool is_idempotent = false;
  std::int16_t acks = -1;
  model::Codec codec = model::Codec::none;
  std::size_t requests_in_flight_max = 1;
  std::int32_t records_max = 1;  ///< per batch
  std::size_t payload_bytes_max = 100;
  std::size_t partitions_max = 1;  ///< per request
  runtime::Duration pause_max{};   ///< between two requests
  double invalid_probability = 0;  ///< a batch that has to be refused
};

struct FetcherPlan {
  std::int32_t bytes_min = 1;
  std::int32_t bytes_max = 1 << 20;
  std::int32_t partition_bytes_max = 1 << 20;
  double rewind_probability = 0;
};

/// A consumer group that reads one topic.
struct GroupPlan {
  std::string name;
  std::string topic;
  std::int32_t partitions = 1;       ///< of the topic
  std::uint32_t members = 1;         ///< 0: a client that is no member commits
  std::uint32_t static_members = 0;  ///< of these
  runtime::Duration session_timeout{};
  runtime::Duration rebalance_timeout{};
  double slow_probability = 0;  ///< of a member that falls asleep, per step
  double leave_probability = 0;
  double die_probability = 0;  ///< of one that goes without a word; a static one starts anew
};

struct Settings {
  std::uint64_t seed = 1;
  runtime::simulated::WorldOptions world;
  metadata::SimulatedStoreOptions store;
  std::vector<std::string> broker;  ///< "key=value", as of --set
  std::vector<std::string> log_dirs;
  bool is_flushed_each = false;           ///< log.flush.interval.messages=1
  std::size_t batch_bytes_max = 1 << 20;  ///< fits in a segment
  std::vector<TopicPlan> topics;
  std::vector<ProducerPlan> producers;
  std::vector<FetcherPlan> fetchers;
  std::vector<GroupPlan> groups;
  runtime::Duration initial_rebalance_delay{};
  bool has_topic_worker = false;
  bool makes_topics = false;      ///< auto.create.topics.enable
  std::uint32_t rounds = 2;       ///< ends of the broker's life
  runtime::Duration round_max{};  ///< between two of them
  runtime::Duration slack{};      ///< the longest time that network and disk take for an answer
  runtime::Duration long_poll{};  ///< max wait of a fetch that parks; longer than slack

  [[nodiscard]] static Settings draw(std::uint64_t seed);
  /// One line, for reports.
  [[nodiscard]] std::string describe() const;
};

}  // namespace gregor::sim
