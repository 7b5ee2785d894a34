#include "sim/topic_history.h"

#include <fmt/format.h>

#include <set>

namespace gregor::sim {

void TopicHistory::create_sent(const std::string& name, std::int32_t partitions) {
  Topic& topic = topics_[name];
  if (topic.state != State::absent) return;
  topic = {.state = State::creating, .partitions = partitions};
}

void TopicHistory::create_answered(const std::string& name, std::optional<ErrorCode> error) {
  Topic& topic = topics_[name];
  if (!error) {
    topic.is_unsure = topic.state == State::creating;
    return;
  }
  if (topic.state == State::present) {
    if (*error != ErrorCode::topic_already_exists) {
      violations_.add("C8", fmt::format("{} is there, creating it again was answered {}", name,
                                        error_name(*error)));
    }
    return;
  }
  if (topic.state != State::creating) return;
  const bool by_earlier_try = topic.is_unsure && *error == ErrorCode::topic_already_exists;
  if (*error == ErrorCode::none || by_earlier_try) {
    topic.state = State::present;
    topic.is_unsure = false;
    return;
  }
  violations_.add(
      "C8", fmt::format("{} was not there, creating it was answered {}", name, error_name(*error)));
  topic.is_unsure = true;
}

void TopicHistory::delete_sent(const std::string& name) {
  Topic& topic = topics_[name];
  if (topic.state == State::present) topic.state = State::deleting;
}

void TopicHistory::delete_answered(const std::string& name, std::optional<ErrorCode> error) {
  Topic& topic = topics_[name];
  if (topic.state == State::absent) {
    if (error && *error != ErrorCode::unknown_topic_or_partition) {
      violations_.add("C8", fmt::format("{} is not there, deleting it was answered {}", name,
                                        error_name(*error)));
    }
    return;
  }
  if (topic.state != State::deleting) return;
  if (!error) {
    topic.is_unsure = true;
    return;
  }
  const bool by_earlier_try = topic.is_unsure && *error == ErrorCode::unknown_topic_or_partition;
  if (*error == ErrorCode::none || by_earlier_try) {
    topic = {};
    return;
  }
  violations_.add(
      "C8", fmt::format("{} is there, deleting it was answered {}", name, error_name(*error)));
  topic.is_unsure = true;
}

void TopicHistory::check(const std::string& name, Topic& topic, const SeenTopic& seen) {
  if (seen.partitions != topic.partitions) {
    violations_.add(
        "C6", fmt::format("{} has {} partitions, not {}", name, seen.partitions, topic.partitions));
  }
  if (topic.id && *topic.id != seen.id) {
    violations_.add("C9", fmt::format("{} has id {}, before it was {}", name, seen.id.to_string(),
                                      topic.id->to_string()));
  }
  topic.id = seen.id;
}

void TopicHistory::see(const SeenTopic& seen) {
  Topic& topic = topics_[seen.name];
  switch (topic.state) {
    case State::absent:
      violations_.add(
          "C6", fmt::format("{} is there, but it was never made or it was deleted", seen.name));
      return;
    case State::creating:
      topic.state = State::present;
      topic.is_unsure = false;
      break;
    case State::deleting:  // it may still go
    case State::present:
      break;
  }
  check(seen.name, topic, seen);
}

void TopicHistory::see_absence(const std::string& name) {
  Topic& topic = topics_[name];
  // One that is being made may still come.
  if (topic.state != State::present) return;
  violations_.add("C6", fmt::format("{} is not there, but it was made and not deleted", name));
  topic = {};
}

void TopicHistory::see_all(const std::vector<SeenTopic>& topics) {
  std::set<std::string> names;
  for (const SeenTopic& topic : topics) {
    names.insert(topic.name);
    see(topic);
  }
  for (const auto& [name, topic] : topics_) {
    if (!names.contains(name)) see_absence(name);
  }
}

std::optional<model::Uuid> TopicHistory::id_of(const std::string& name) const {
  const auto found = topics_.find(name);
  if (found == topics_.end() || found->second.state != State::present) return std::nullopt;
  return found->second.id;
}

bool TopicHistory::is_deleting(const std::string& name) const {
  const auto found = topics_.find(name);
  return found != topics_.end() && found->second.state == State::deleting;
}

std::vector<SeenTopic> TopicHistory::present() const {
  std::vector<SeenTopic> topics;
  for (const auto& [name, topic] : topics_) {
    if (topic.state == State::present)
      topics.push_back({name, topic.id.value_or(model::Uuid()), topic.partitions});
  }
  return topics;
}

bool TopicHistory::must_exist(const std::string& name) const {
  const auto found = topics_.find(name);
  return found != topics_.end() && found->second.state == State::present;
}

}  // namespace gregor::sim
