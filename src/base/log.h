// Structured log lines on standard error: time, level, component, message. Thread: any.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace gregor::log {

enum class Level { debug, info, warn, error, off };
enum class Format { text, json };

/// Sets what is written from now on; called once at start. The default is info, text.
void configure(Level level, Format format);
/// Changes the level while lines are written.
void set_level(Level level);
[[nodiscard]] Level level();
[[nodiscard]] bool enabled(Level level);

/// Writes one line. `message` may hold any bytes: control characters and invalid UTF-8 are escaped,
/// so that no input can forge a line.
void write(Level level, std::string_view component, std::string_view message);

template <class... Args>
void debug(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::debug))
    write(Level::debug, component, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::info))
    write(Level::info, component, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warn(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::warn))
    write(Level::warn, component, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::error))
    write(Level::error, component, fmt::format(format, std::forward<Args>(args)...));
}

/// Lets at most `burst` lines pass per window of one second of the caller's clock, and counts the
/// others.
class RateLimit {
 public:
  explicit RateLimit(int burst) : burst_(burst) {}
  /// @param now_ns monotonic time of the caller. @return the number of lines held back since the
  /// last one that passed
  /// (>= 0) if this line may be written, else -1. Thread: any.
  [[nodiscard]] std::int64_t admit(std::int64_t now_ns);

 private:
  const int burst_;
  std::atomic<std::int64_t> window_start_ns_{INT64_MIN};
  std::atomic<int> used_{0};
  std::atomic<std::int64_t> held_back_{0};
};

}  // namespace gregor::log
