// JsonWriter: one-line JSON of messages for logs and tools, with the content that Kafka's own JSON
// converters give.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error_code.h"
#include "model/uuid.h"
#include "protocol/types.h"

namespace gregor::protocol {

/// Appends members of objects one by one. Bytes become base64 (RFC 4648 with padding), uuids their
/// text, records only their size ("recordsSizeInBytes"), text that is not UTF-8 gets U+FFFD for
/// what can't be read.
///
/// Thread: one at a time.
class JsonWriter {
 public:
  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array(std::string_view name) { key(name), open('['); }
  void end_array() { close(']'); }
  /// A member that is an object; its begin_object() follows.
  void key(std::string_view name);
  void null(std::string_view name);

  void field(std::string_view name, bool value);
  void field(std::string_view name, std::int64_t value);
  void field(std::string_view name, std::int32_t value) { field(name, std::int64_t{value}); }
  void field(std::string_view name, std::int16_t value) { field(name, std::int64_t{value}); }
  void field(std::string_view name, std::uint16_t value) { field(name, std::int64_t{value}); }
  void field(std::string_view name, std::int8_t value) { field(name, std::int64_t{value}); }
  void field(std::string_view name, ErrorCode value) {
    field(name, static_cast<std::int64_t>(value));
  }
  void field(std::string_view name, double value);
  void field(std::string_view name, std::string_view value);
  void field(std::string_view name, const std::optional<std::string_view>& value);
  void field(std::string_view name, const Bytes& value);
  void field(std::string_view name, const std::optional<Bytes>& value);
  void field(std::string_view name, const std::optional<Records>& value);
  void field(std::string_view name, const model::Uuid& value);
  /// Arrays of primitives: std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::string_view,
  /// model::Uuid.
  template <class T>
  void items(std::string_view name, const std::vector<T>& values);
  template <class T>
  void items(std::string_view name, const std::optional<std::vector<T>>& values) {
    if (!values) return null(name);
    items(name, *values);
  }

  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  void open(char bracket);
  void close(char bracket);
  void value(std::int64_t number);
  void value(std::string_view text);
  void value(const model::Uuid& id);
  void separate();

  std::string out_;
};

}  // namespace gregor::protocol
