// PartitionHistory: what is known of one partition's log from acknowledgements and reads, and the
// invariants of offsets and positions that can be judged at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"
#include "model/uuid.h"
#include "sim/value.h"
#include "sim/violations.h"

namespace gregor::sim {

/// One partition of one topic; a topic that is deleted and made again is another one.
struct PartitionKey {
  model::Uuid topic;
  std::int32_t partition = 0;
  friend auto operator<=>(const PartitionKey&, const PartitionKey&) = default;
};

/// What a reader may rely on, taken when it sends its request: in the answer nothing may have gone
/// back.
struct ReadMark {
  model::Offset high_watermark;  ///< the greatest one seen in an answer
  model::Offset acked_end;       ///< behind the last acknowledged record
  model::Offset log_start;
};

/// Which end of the machine came before a restart.
enum class Ending : std::uint8_t {
  clean,  ///< stopped in order
  kill,   ///< the process ended: what it wrote is there
  power,  ///< what was not synced may be lost
};

/// Thread:    one.
/// Invariant: an offset keeps the value that was first seen there, until a power loss cuts it off.
class PartitionHistory {
 public:
  PartitionHistory(std::string name, bool is_flushed_each, Violations& violations)
      : name_(std::move(name)), is_flushed_each_(is_flushed_each), violations_(violations) {}

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] ReadMark mark() const { return {high_watermark_, acked_end_, log_start_}; }
  /// Behind the last offset of which anything is known.
  [[nodiscard]] model::Offset known_end() const {
    return model::Offset(static_cast<std::int64_t>(values_.size()));
  }
  /// 0 if nothing is known.
  [[nodiscard]] ValueId value_at(model::Offset offset) const;

  /// An acknowledgement or a read says that `value` is at `offset`. [D5, D6]
  void assign(model::Offset offset, ValueId value, const char* source);
  /// Records before `end` are acknowledged.
  void acknowledge(model::Offset end);
  /// Positions in an answer to a reader. [V1, V3, V4]
  void see_positions(const ReadMark& mark, model::Offset high_watermark, model::Offset log_start);
  /// ListOffsets(latest). [V1, V3]
  void see_latest(const ReadMark& mark, model::Offset latest);

  /// The broker has ended this way. Several ends may come before the log is seen again; the worst
  /// counts.
  void end_life(Ending ending);
  /// The log after a restart, before anything new is appended, ends at `end`. [D1, S1, S2, PREFIX]
  /// What was beyond it is forgotten. @return the values that are gone
  std::vector<ValueId> restart(model::Offset end);
  /// From now on clients may append again.
  void resume() { end_restarted_.reset(); }
  /// Everything before `end` is on the disk, whatever the settings say (a recovery point).
  void promise_durable(model::Offset end);

 private:
  void complain(std::string_view invariant, std::string text) const;

  const std::string name_;
  const bool is_flushed_each_;
  Violations& violations_;
  std::vector<ValueId> values_;  // by offset; 0 = not known
  model::Offset high_watermark_{0};
  model::Offset acked_end_{0};
  model::Offset log_start_{0};
  model::Offset durable_end_{0};                // must survive a power loss
  std::optional<Ending> ending_;                // since the log was last seen
  std::optional<model::Offset> end_restarted_;  // of a restart after which nothing was appended
  Ending end_restarted_by_ = Ending::clean;
};

}  // namespace gregor::sim
