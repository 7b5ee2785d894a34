// Strong<Tag, T>: a number with a meaning. Mixing two meanings does not compile.
#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <functional>

namespace gregor {

/// `using Offset = Strong<struct OffsetTag, std::int64_t>;`  Offset + n -> Offset;  Offset - Offset
/// -> n.
template <class Tag, std::integral T>
class Strong {
 public:
  using Rep = T;
  constexpr Strong() = default;
  constexpr explicit Strong(T value) : value_(value) {}
  [[nodiscard]] constexpr T value() const { return value_; }

  friend constexpr auto operator<=>(Strong, Strong) = default;
  friend constexpr Strong operator+(Strong a, T n) { return Strong(static_cast<T>(a.value_ + n)); }
  friend constexpr Strong operator-(Strong a, T n) { return Strong(static_cast<T>(a.value_ - n)); }
  friend constexpr T operator-(Strong a, Strong b) { return static_cast<T>(a.value_ - b.value_); }
  constexpr Strong& operator++() {
    ++value_;
    return *this;
  }
  constexpr Strong& operator+=(T n) {
    value_ = static_cast<T>(value_ + n);
    return *this;
  }

 private:
  T value_ = 0;
};

}  // namespace gregor

template <class Tag, class T>
struct std::hash<gregor::Strong<Tag, T>> {
  std::size_t operator()(gregor::Strong<Tag, T> v) const noexcept {
    return std::hash<T>{}(v.value());
  }
};
