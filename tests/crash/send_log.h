// The history of what was produced: every batch with what became of it, as far as the client knows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "crash/payload.h"

namespace gregor::crash {

enum class Fate : std::uint8_t {
  unanswered,  ///< sent, perhaps in part; no answer, or one that leaves it open: at most once
  answered,    ///< acknowledged with an offset: exactly once, there
  refused,     ///< an error that promises that nothing was appended
};

/// One batch for one partition.
struct Send {
  std::int32_t partition = 0;
  std::int32_t count = 0;
  Fate fate = Fate::unanswered;
  std::int16_t error = 0;    ///< the last error code, if there was one
  std::int64_t offset = -1;  ///< of its first record, if answered
  double answered_at = 0;    ///< seconds of the machine's monotonic clock, for people
};

/// Thread: each producer's own thread writes its part; everybody may read while the producers
/// pause.
class SendLog {
 public:
  explicit SendLog(std::size_t producers) : sends_(producers) {}

  /// To be called before the first byte leaves.
  SendId add(std::size_t producer, std::int32_t partition, std::int32_t count);
  void answer(SendId id, std::int64_t offset, double at_seconds);
  /// @param error_code  whether it says that nothing was appended is judged here
  void fail(SendId id, std::int16_t error_code);

  /// @return nullptr if there never was such a send
  [[nodiscard]] const Send* find(SendId id) const;
  [[nodiscard]] std::size_t producers() const { return sends_.size(); }
  [[nodiscard]] std::size_t size(std::size_t producer) const { return sends_[producer].size(); }
  [[nodiscard]] static SendId id_of(std::size_t producer, std::size_t index) {
    return static_cast<SendId>(producer) << producer_shift | index;
  }
  [[nodiscard]] static std::size_t producer_of(SendId id) { return id >> producer_shift; }

 private:
  static constexpr int producer_shift = 40;

  Send& at(SendId id);

  std::vector<std::deque<Send>> sends_;
};

}  // namespace gregor::crash
