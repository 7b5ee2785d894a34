// All messages behind one interface, for tools, golden tests and fuzzing: "decode whatever this is
// and encode it again".
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace gregor::protocol {

enum class MessageKind : std::uint8_t { request, response, header, record };

/// One message type. The functions are safe on any input.
struct MessageInfo {
  std::string_view name;  ///< "FetchRequest", "RequestHeader"
  std::int16_t key;       ///< of its API; -1 for headers and records
  MessageKind kind;
  ApiVersion version_lowest;
  ApiVersion version_highest;
  ApiVersion flexible_from;
  /// Decodes a body, encodes it into `writer` and returns its JSON. @errors those of decode() and
  /// encode()
  Result<std::string> (*reencode)(Reader& reader, ApiVersion version, Writer& writer);
  /// Encodes a message in which every field has its default.
  Result<void> (*encode_default)(Writer& writer, ApiVersion version);
};

/// Requests and responses by API key, then the headers and records. Thread: any.
[[nodiscard]] std::span<const MessageInfo* const> all_messages();

/// @return nullptr if there is none.
[[nodiscard]] const MessageInfo* find_message(std::string_view name);
[[nodiscard]] const MessageInfo* find_message(std::int16_t key, MessageKind kind);

}  // namespace gregor::protocol
