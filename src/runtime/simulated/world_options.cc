#include "runtime/simulated/world_options.h"

#include "runtime/simulated/prng.h"

namespace gregor::runtime::simulated {
namespace {

double maybe(Prng& prng, double highest) {
  const bool on = prng.chance(0.5);
  const double part = static_cast<double>(prng.below(1000) + 1) / 1000;
  return on ? highest * part : 0;
}

DelayRange range(Prng& prng, std::uint64_t min_us, std::uint64_t max_us) {
  const std::uint64_t from = prng.between(min_us, max_us);
  const std::uint64_t to = prng.between(from, max_us);
  return {std::chrono::microseconds(from), std::chrono::microseconds(to)};
}

}  // namespace

WorldOptions WorldOptions::swarm(std::uint64_t seed) {
  Prng prng(derive_seed(seed, "swarm"));
  WorldOptions options;
  options.seed = seed;
  options.mailbox_delay = range(prng, 0, 50);
  options.network_delay = range(prng, 20, 5'000);
  options.io_delay = range(prng, 10, 10'000);
  options.split_probability = maybe(prng, 0.5);
  options.suspend_probability = maybe(prng, 0.3);
  options.reset_probability = maybe(prng, 0.001);
  options.refuse_probability = maybe(prng, 0.05);
  options.half_open_probability = maybe(prng, 0.5);
  options.slow_disk_probability = maybe(prng, 0.01);
  options.slow_disk_delay = std::chrono::milliseconds(prng.between(50, 2'000));
  options.not_resident_probability = maybe(prng, 0.3);
  return options;
}

}  // namespace gregor::runtime::simulated
