#include "base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace gregor::log {
namespace {

constexpr std::int64_t window_ns = 1'000'000'000;

std::atomic<Level> threshold{Level::info};
std::atomic<Format> line_format{Format::text};

spdlog::logger& sink() {
  static const auto logger = [] {
    auto made = std::make_shared<spdlog::logger>("gregor",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->set_level(spdlog::level::trace);
    return made;
  }();
  return *logger;
}

std::string_view name(Level level) {
  switch (level) {
    case Level::debug:
      return "DEBUG";
    case Level::info:
      return "INFO";
    case Level::warn:
      return "WARN";
    case Level::error:
      return "ERROR";
    case Level::off:
      break;
  }
  return "OFF";
}

bool needs_escape(unsigned char c, bool json) {
  return c < 0x20 || c >= 0x7f || (json && (c == '"' || c == '\\'));
}

std::string escaped(std::string_view text, bool json) {
  std::string out;
  out.reserve(text.size());
  for (char raw : text) {
    const auto c = static_cast<unsigned char>(raw);
    if (!needs_escape(c, json)) {
      out += raw;
    } else if (json && (c == '"' || c == '\\')) {
      out += '\\';
      out += raw;
    } else {
      out += json ? fmt::format("\\u{:04x}", c) : fmt::format("\\x{:02x}", c);
    }
  }
  return out;
}

std::string timestamp() {
  // Log lines carry wall-clock time; nothing is decided by it.
  static spdlog::pattern_formatter formatter("%Y-%m-%dT%H:%M:%S.%eZ",
                                             spdlog::pattern_time_type::utc, "");
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  spdlog::memory_buf_t buffer;
  formatter.format(spdlog::details::log_msg("", spdlog::level::info, ""), buffer);
  return fmt::to_string(buffer);
}

}  // namespace

void configure(Level level, Format format) {
  threshold = level;
  line_format = format;
}

void set_level(Level level) { threshold = level; }
Level level() { return threshold.load(std::memory_order_relaxed); }
bool enabled(Level level) { return level >= threshold.load(std::memory_order_relaxed); }

void write(Level level, std::string_view component, std::string_view message) {
  if (!enabled(level)) return;
  if (line_format.load(std::memory_order_relaxed) == Format::json) {
    sink().info(R"({{"ts":"{}","level":"{}","component":"{}","msg":"{}"}})", timestamp(),
                name(level), component, escaped(message, true));
  } else {
    sink().info("{} {:5} [{}] {}", timestamp(), name(level), component, escaped(message, false));
  }
}

std::int64_t RateLimit::admit(std::int64_t now_ns) {
  std::int64_t start = window_start_ns_.load();
  if (start == INT64_MIN || now_ns - start >= window_ns) {
    if (window_start_ns_.compare_exchange_strong(start, now_ns)) used_ = 0;
  }
  if (used_.fetch_add(1) < burst_) return held_back_.exchange(0);
  held_back_.fetch_add(1);
  return -1;
}

}  // namespace gregor::log
