// Violations: what the checkers have found in one run.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gregor::sim {

/// One broken promise. `invariant` is a short name: README.md of this folder lists them.
struct Violation {
  std::string invariant;
  std::string text;
};

/// Keeps the first ones and counts all. Thread: one.
class Violations {
 public:
  void add(std::string_view invariant, std::string text) {
    ++count_;
    if (first_.size() < kept_max) first_.push_back({std::string(invariant), std::move(text)});
  }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] const std::vector<Violation>& first() const { return first_; }
  /// True if one of the first ones is of this invariant.
  [[nodiscard]] bool has(std::string_view invariant) const {
    for (const Violation& violation : first_) {
      if (violation.invariant == invariant) return true;
    }
    return false;
  }

 private:
  static constexpr std::size_t kept_max = 20;
  std::size_t count_ = 0;
  std::vector<Violation> first_;
};

}  // namespace gregor::sim
