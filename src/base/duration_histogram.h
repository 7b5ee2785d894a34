// DurationHistogram: how often something took how long, in fixed buckets. Plain numbers: it belongs
// to one shard, which adds to it on its data path; sums of several are made from copies.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace gregor {

/// Thread: one at a time. Adding costs some comparisons and two additions.
class DurationHistogram {
 public:
  /// Upper bounds, inclusive; what lies above the last one is only in the total.
  static constexpr std::array<std::chrono::nanoseconds, 16> bounds{
      std::chrono::microseconds(100),  std::chrono::microseconds(250),
      std::chrono::microseconds(500),  std::chrono::milliseconds(1),
      std::chrono::microseconds(2500), std::chrono::milliseconds(5),
      std::chrono::milliseconds(10),   std::chrono::milliseconds(25),
      std::chrono::milliseconds(50),   std::chrono::milliseconds(100),
      std::chrono::milliseconds(250),  std::chrono::milliseconds(500),
      std::chrono::seconds(1),         std::chrono::milliseconds(2500),
      std::chrono::seconds(5),         std::chrono::seconds(10)};

  void add(std::chrono::nanoseconds duration) {
    std::size_t place = 0;
    while (place < bounds.size() && duration > bounds[place]) ++place;
    ++counts_[place];
    sum_ += duration;
  }

  void merge(const DurationHistogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    sum_ += other.sum_;
  }

  /// How many lie in bucket `place` and not in a lower one; bounds.size() = above the last bound.
  [[nodiscard]] std::uint64_t in_bucket(std::size_t place) const { return counts_[place]; }
  [[nodiscard]] std::uint64_t count() const {
    std::uint64_t all = 0;
    for (const std::uint64_t count : counts_) all += count;
    return all;
  }
  [[nodiscard]] std::chrono::nanoseconds sum() const { return sum_; }

 private:
  std::array<std::uint64_t, bounds.size() + 1> counts_{};
  std::chrono::nanoseconds sum_{0};
};

}  // namespace gregor
