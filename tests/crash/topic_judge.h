// The history of topics that were created and deleted, and its judge.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "crash/log_judge.h"
#include "model/uuid.h"

namespace gregor::crash {

enum class TopicFate : std::uint8_t {
  creation_unanswered,  ///< may exist
  created,              ///< exists, with the id that was answered
  refused,              ///< must not exist
  deletion_unanswered,  ///< may exist
  deleted,              ///< must not exist
};

struct TopicHistory {
  std::int32_t partitions = 0;
  TopicFate fate = TopicFate::creation_unanswered;
  model::Uuid id{};  ///< zero = not known
};

/// A topic as Metadata and ListOffsets show it.
struct FoundTopic {
  model::Uuid id{};
  std::int32_t partitions = 0;
  std::int32_t partitions_served = 0;  ///< those that have a leader and answer ListOffsets
};

/// Judges the topics that are there. What is seen to exist, or to be gone, is remembered in the
/// histories: it has to stay so.
///
///   topic_lost        an acknowledged topic is not there
///   topic_id          it has another id
///   topic_partitions  it has another number of partitions
///   topic_unserved    a partition has no leader or does not answer
///   topic_undead      a topic is there that was deleted (acknowledged) or refused
///   topic_never_made  a topic that nobody asked for
void judge_topics(std::map<std::string, TopicHistory>& histories,
                  const std::map<std::string, FoundTopic>& found, Violations& violations);

}  // namespace gregor::crash
