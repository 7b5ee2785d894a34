// Turn: how much one stream or listener may do in one turn of the loop.
#pragma once

#include <cstddef>

namespace gregor::runtime::real {

/// What a stream or listener may do without going through the loop, so that one whose data is
/// always there does not starve others.
class Turn {
 public:
  void spend(std::size_t bytes) {
    ++operations_;
    bytes_ += bytes;
  }
  [[nodiscard]] bool is_over() const {
    return operations_ >= operations_max || bytes_ >= bytes_max;
  }
  void renew() { operations_ = bytes_ = 0; }

 private:
  static constexpr std::size_t operations_max = 16;
  static constexpr std::size_t bytes_max = 1024 * 1024;
  std::size_t operations_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace gregor::runtime::real
