// TopicHistory: which topics must be there, as answers to CreateTopics and DeleteTopics say.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error_code.h"
#include "model/uuid.h"
#include "sim/violations.h"

namespace gregor::sim {

/// A topic as a Metadata answer shows it.
struct SeenTopic {
  std::string name;
  model::Uuid id;
  std::int32_t partitions = 0;
};

/// Thread: one. Invariants judged: C6 (an acknowledged creation is seen at once and for good, an
/// acknowledged deletion too), C8 (the answer fits what is there), C9 (a topic keeps its id).
class TopicHistory {
 public:
  explicit TopicHistory(Violations& violations) : violations_(violations) {}

  void create_sent(const std::string& name, std::int32_t partitions);
  /// @param error  what the answer says; nothing if there was none or it says nothing
  void create_answered(const std::string& name, std::optional<ErrorCode> error);
  void delete_sent(const std::string& name);
  void delete_answered(const std::string& name, std::optional<ErrorCode> error);

  /// A Metadata answer of a broker that serves: the topic, or that it is not there.
  void see(const SeenTopic& topic);
  void see_absence(const std::string& name);
  /// A Metadata answer with all topics.
  void see_all(const std::vector<SeenTopic>& topics);

  /// The id of a topic that must be there; nothing if it must not be or may not be, or was not
  /// seen.
  [[nodiscard]] std::optional<model::Uuid> id_of(const std::string& name) const;
  [[nodiscard]] bool must_exist(const std::string& name) const;
  /// A deletion was asked for and not acknowledged.
  [[nodiscard]] bool is_deleting(const std::string& name) const;
  /// Names of all topics that must be there, with their ids as far as they were seen.
  [[nodiscard]] std::vector<SeenTopic> present() const;

 private:
  enum class State : std::uint8_t { absent, creating, present, deleting };
  struct Topic {
    State state = State::absent;
    bool is_unsure = false;  // creating or deleting, and the answer said nothing
    std::int32_t partitions = 0;
    std::optional<model::Uuid> id{};
  };
  void check(const std::string& name, Topic& topic, const SeenTopic& seen);

  Violations& violations_;
  std::map<std::string, Topic> topics_;
};

}  // namespace gregor::sim
