// One connection that creates topics and deletes some of them again, and writes down what became of
// them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "crash/pausable.h"
#include "crash/topic_judge.h"
#include "crash/wire_client.h"

namespace gregor::crash {

struct TopicMakerOptions {
  Address address;
  std::string prefix;  ///< of all names, so that others' topics are told apart
  std::uint64_t seed = 0;
  std::chrono::milliseconds interval{200};  ///< between two changes
  /// Told "creating NAME", "deleting NAME" once the request has left, and at its end
  /// "changed creation|deletion NAME answered|unanswered".
  std::function<void(const std::string&)> tell;
};

/// Thread: has its own; starts paused. The other members may be called from one thread, histories()
/// while it pauses.
class TopicMaker {
 public:
  explicit TopicMaker(TopicMakerOptions options);
  ~TopicMaker();
  TopicMaker(const TopicMaker&) = delete;
  TopicMaker& operator=(const TopicMaker&) = delete;

  void pause() { control_.pause(); }
  void resume() { control_.resume(); }
  /// The next change is a creation and comes at once.
  void create_now() { create_now_ = true; }

  [[nodiscard]] std::map<std::string, TopicHistory>& histories() { return histories_; }
  [[nodiscard]] const std::string& prefix() const { return options_.prefix; }

 private:
  void run();
  void step();
  void change(bool must_create);
  void create();
  void remove(const std::string& name);
  [[nodiscard]] std::vector<std::string> created_topics() const;
  [[nodiscard]] std::uint64_t draw(std::uint64_t below);

  const TopicMakerOptions options_;
  std::map<std::string, TopicHistory> histories_;
  std::optional<WireClient> client_;
  std::chrono::steady_clock::time_point next_change_{};
  std::uint64_t draws_ = 0;
  int names_ = 0;
  std::atomic<bool> create_now_{false};
  Pausable control_;
  std::thread thread_;  // last: it uses all the others
};

/// The topics with this prefix as the broker shows them now; partitions that do not answer yet are
/// asked again for ten seconds. @errors network_exception and what decoding finds
[[nodiscard]] Result<std::map<std::string, FoundTopic>> find_topics(const Address& address,
                                                                    const std::string& prefix);

}  // namespace gregor::crash
