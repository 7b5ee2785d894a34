// What all logs of a broker share about producers: how long they are remembered, and how many.
#pragma once

#include <atomic>
#include <cstdint>

namespace gregor::storage {

/// Thread: any; the first two may be changed while logs are in use.
struct ProducerRules {
  /// producer.id.expiration.ms: a producer that appended nothing for so long is forgotten.
  std::atomic<std::int64_t> expiration_ms{std::int64_t{24} * 60 * 60 * 1000};
  /// gregor.producer.ids.max: of all logs together, about 300 bytes each. At the limit a log that
  /// sees a new producer forgets the one that it has not heard of for longest.
  std::atomic<std::int64_t> ids_max{500'000};
  /// How many are remembered now.
  std::atomic<std::int64_t> ids_count{0};
};

}  // namespace gregor::storage
