// BatchMaker: the record batches of one model producer, most of them valid.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/simulated/prng.h"
#include "sim/history.h"
#include "sim/settings.h"

namespace gregor::sim {

/// A batch and what the history has to know of it; `sent.sent` and `sent.channel` are the sender's.
struct MadeBatch {
  std::vector<std::byte> bytes;
  SentBatch sent;
};

/// Where a batch goes.
struct BatchTarget {
  PartitionKey where;
  bool has_append_time = false;
  bool is_compressed_anew = false;  ///< by the topic: size is judged after that
};

/// Thread: one.
class BatchMaker {
 public:
  /// @param batch_bytes_max  the size of a valid batch stays below it
  BatchMaker(const ProducerPlan& plan, std::size_t batch_bytes_max,
             runtime::simulated::Prng numbers)
      : plan_(plan), batch_bytes_max_(batch_bytes_max), numbers_(numbers) {}

  /// Records with numbers that were not used before. @param now_ms  wall clock; time stamps lie
  /// about it
  MadeBatch make(const BatchTarget& target, std::int64_t now_ms);
  /// One that a broker has to refuse: damaged, cut, with a wrong count, or larger than a segment.
  MadeBatch make_invalid(const BatchTarget& target, std::int64_t now_ms);

 private:
  MadeBatch build(const BatchTarget& target, std::int64_t now_ms, std::int32_t count,
                  std::size_t bytes_max);
  void spoil(std::vector<std::byte>& bytes);

  const ProducerPlan plan_;
  const std::size_t batch_bytes_max_;
  runtime::simulated::Prng numbers_;
  std::uint64_t next_counter_ = 1;
};

}  // namespace gregor::sim
