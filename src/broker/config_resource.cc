#include "broker/config_resource.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace gregor::broker {
namespace {

// As Java reads a number: a sign, digits, nothing else.
std::optional<std::int32_t> parse_id(std::string_view text) {
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  std::int32_t id = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, id);
  if (error != std::errc{} || stopped != end) return std::nullopt;
  return id;
}

}  // namespace

Result<void> check_broker_name(std::string_view name, model::BrokerId self) {
  const auto id = parse_id(name);
  if (!id) {
    return fail(ErrorCode::invalid_request,
                fmt::format("Broker id must be an integer, but it is: {}", name));
  }
  if (*id != self.value()) {
    return fail(
        ErrorCode::invalid_request,
        fmt::format("Unexpected broker id, expected {}, but received {}", self.value(), name));
  }
  return {};
}

std::string_view kafka_level_name(log::Level level) {
  switch (level) {
    case log::Level::debug:
      return "DEBUG";
    case log::Level::info:
      return "INFO";
    case log::Level::warn:
      return "WARN";
    case log::Level::error:
      return "ERROR";
    case log::Level::off:
      break;
  }
  return "OFF";
}

Result<log::Level> parse_kafka_level(std::string_view name) {
  if (name == "TRACE" || name == "DEBUG") return log::Level::debug;
  if (name == "INFO") return log::Level::info;
  if (name == "WARN") return log::Level::warn;
  if (name == "ERROR" || name == "FATAL") return log::Level::error;
  return fail(
      ErrorCode::invalid_config,
      fmt::format("Cannot set the log level of {} to {}: the levels are DEBUG, ERROR, FATAL, "
                  "INFO, TRACE, WARN",
                  root_logger, name));
}

}  // namespace gregor::broker
