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
#include "model/ids.h"

namespace gregor::crash {

struct LoadOptions {
  Address address;
  std::string topic;
  std::int32_t partitions = 1;
  std::uint64_t seed = 0;
  double bytes_per_second = 1e6;  ///< of one producer
  /// Producers have ids and send again, in order, what was not answered.
  bool is_idempotent = false;
};

/// Which producer: its place in the SendLog and its acks.
struct ProducerIdentity {
  std::size_t index = 0;
  std::int16_t acks = -1;
};

/// Plain: no retries, whatever was under way when a connection ended stays unanswered. Idempotent:
/// it is sent again, the same bytes in the same order, until each batch is answered with an offset
/// or with an error that another try would not change. Connects again by itself.
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
    std::vector<std::byte> frame;  // kept where it may be sent again
  };

  void run();
  void step();
  void connect();
  void disconnect();
  [[nodiscard]] bool take_id();
  [[nodiscard]] bool send_again();
  [[nodiscard]] bool take_answer(const Part& part, ErrorCode error, std::int64_t base_offset);
  [[nodiscard]] bool is_due() const;
  void send_request();
  [[nodiscard]] std::vector<std::byte> make_batch(const Part& part, int count, bool is_compressed);
  [[nodiscard]] std::int32_t take_sequence(std::int32_t partition, int count);
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
  model::ProducerId id_{-1};
  std::map<std::int32_t, std::int32_t> next_sequences_;  // by partition
  Time next_send_{};
  std::atomic<std::uint64_t> bytes_answered_{0};
  std::map<std::int16_t, std::uint64_t> errors_;
  Pausable control_;
  std::thread thread_;  // last: it uses all the others
};

}  // namespace gregor::crash
