#include "crash/topic_judge.h"

#include <fmt/format.h>

namespace gregor::crash {
namespace {

void judge_found(const std::string& name, TopicHistory& history, const FoundTopic& found,
                 Violations& violations) {
  if (history.fate == TopicFate::deleted || history.fate == TopicFate::refused) {
    violations.add("topic_undead", name);
    return;
  }
  if (found.partitions != history.partitions) {
    violations.add("topic_partitions",
                   fmt::format("{}: {} instead of {}", name, found.partitions, history.partitions));
  }
  if (!history.id.is_zero() && found.id != history.id) {
    violations.add("topic_id", fmt::format("{}: {} instead of {}", name, found.id.to_string(),
                                           history.id.to_string()));
  }
  // A topic that is being deleted may lose its leaders first.
  if (history.fate == TopicFate::deletion_unanswered) return;
  if (found.partitions_served != found.partitions) {
    violations.add("topic_unserved",
                   fmt::format("{}: {} of {}", name, found.partitions_served, found.partitions));
  }
  history.fate = TopicFate::created;
  history.id = found.id;
}

void judge_absent(const std::string& name, TopicHistory& history, Violations& violations) {
  if (history.fate == TopicFate::created) violations.add("topic_lost", name);
  if (history.fate == TopicFate::deletion_unanswered) history.fate = TopicFate::deleted;
}

}  // namespace

void judge_topics(std::map<std::string, TopicHistory>& histories,
                  const std::map<std::string, FoundTopic>& found, Violations& violations) {
  for (auto& [name, history] : histories) {
    const auto at = found.find(name);
    if (at == found.end()) {
      judge_absent(name, history, violations);
    } else {
      judge_found(name, history, at->second, violations);
    }
  }
  for (const auto& [name, topic] : found) {
    if (!histories.contains(name)) violations.add("topic_never_made", name);
  }
}

}  // namespace gregor::crash
