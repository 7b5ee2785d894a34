// One connection that produces as fast as it was told to, several requests under way, and writes
// down what became of them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "crash/pausable.h"
#include "crash/send_log.h"
#include "crash/wire_client.h"

namespace gregor::crash {

struct LoadOptions {
  Address address;
  std::string topic;
  std::int32_t partitions = 1;
  std::uint64_t seed = 0;
  double bytes_per_second = 1e6;  ///< of one producer
};

/// Which producer: its place in the SendLog and its acks.
struct ProducerIdentity {
  std::size_t index = 0;
  std::int16_t acks = -1;
};

/// No retries: whatever was under way when a connection ended stays unanswered. Connects again by
/// itself.
///
/// Thread: has its own; starts paused. The other members may be called from one thread, the getters
/// while it pauses.
class Producer {
 public:
  Producer(const LoadOptions& options, ProducerIdentity identity, SendLog& sends);
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  /// Sends no more; returns when all that is under way was answered or its connection has ended.
  void pause() { control_.pause(); }
  void resume() { control_.resume(); }

  /// Bytes of batches that were answered without an error. Any time.
  [[nodiscard]] std::uint64_t bytes_answered() const { return bytes_answered_; }
  /// Batches answered with each error code.
  [[nodiscard]] const std::map<std::int16_t, std::uint64_t>& errors() const { return errors_; }

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Part {
    SendId send = 0;
    std::int32_t partition = 0;
    std::size_t bytes = 0;
  };
  struct Exchange {
    std::int32_t correlation_id = 0;
    std::vector<Part> parts;
  };

  void run();
  void step();
  void connect();
  void disconnect();
  [[nodiscard]] bool is_due() const;
  void send_request();
  [[nodiscard]] std::vector<std::byte> make_batch(SendId send, int count, bool is_compressed) const;
  [[nodiscard]] Result<void> receive_answer();
  void finish_under_way();
  [[nodiscard]] std::uint64_t draw(std::uint64_t below);

  const LoadOptions options_;
  const ProducerIdentity identity_;
  SendLog& sends_;
  std::uint64_t draws_ = 0;
  std::optional<WireClient> client_;
  std::deque<Exchange> under_way_;
  std::int32_t correlation_id_ = 0;
  Time next_send_{};
  std::atomic<std::uint64_t> bytes_answered_{0};
  std::map<std::int16_t, std::uint64_t> errors_;
  Pausable control_;
  std::thread thread_;  // last: it uses all the others
};

}  // namespace gregor::crash
