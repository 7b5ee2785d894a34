// What generated decoders and encoders have in common: arrays, and the entries of the registry. Not
// for other code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/json_writer.h"
#include "protocol/reader.h"
#include "protocol/registry.h"
#include "protocol/writer.h"

namespace gregor::protocol::codec {

/// Arrays of primitives: std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::string_view,
/// model::Uuid.
template <class T>
[[nodiscard]] std::vector<T> read_items(Reader& reader, bool flexible);
template <class T>
[[nodiscard]] std::optional<std::vector<T>> read_nullable_items(Reader& reader, bool flexible,
                                                                bool null_allowed);
template <class T>
void write_items(Writer& writer, const std::vector<T>& items, bool flexible);
template <class T>
void write_nullable_items(Writer& writer, const std::optional<std::vector<T>>& items, bool flexible,
                          bool null_allowed) {
  if (!items) return writer.null_array(flexible, null_allowed);
  write_items(writer, *items, flexible);
}

/// Reads `count` structs, which the reader has admitted.
template <class T>
void read_structs(Reader& reader, std::int16_t version, std::size_t count, std::vector<T>& out) {
  out = std::vector<T>(count);
  for (T& item : out) {
    if (!reader.ok()) return;
    item.read_fields(reader, version);
  }
}

template <class T>
void write_structs(Writer& writer, std::int16_t version, const std::vector<T>& items,
                   bool flexible) {
  writer.array(items.size(), flexible);
  for (const T& item : items) item.write_fields(writer, version);
}

template <class T>
void json_structs(JsonWriter& json, std::string_view name, std::int16_t version,
                  const std::vector<T>& items) {
  json.begin_array(name);
  for (const T& item : items) item.json_fields(json, version);
  json.end_array();
}

/// The error if a message has no such version.
[[nodiscard]] Error no_version(std::string_view message, std::int16_t version);

template <class Message>
[[nodiscard]] bool has_version(std::int16_t version) {
  return version >= Message::version_lowest && version <= Message::version_highest;
}

template <class Message>
[[nodiscard]] Result<Message> decode(Reader& reader, std::int16_t version) {
  if (!has_version<Message>(version)) return fail(no_version(Message::message_name, version));
  Message message;
  message.read_fields(reader, version);
  if (!reader.ok()) return fail(reader.error(Message::message_name, version));
  return message;
}

template <class Message>
[[nodiscard]] Result<void> encode(const Message& message, Writer& writer, std::int16_t version) {
  if (!has_version<Message>(version)) return fail(no_version(Message::message_name, version));
  const std::size_t start = writer.size();
  message.write_fields(writer, version);
  if (writer.ok()) return {};
  Error error = writer.error(Message::message_name, version);
  writer.truncate(start);
  return fail(std::move(error));
}

template <class Message>
[[nodiscard]] Result<std::string> reencode(Reader& reader, std::int16_t version, Writer& writer) {
  const Result<Message> message = Message::decode(reader, version);
  if (!message) return fail(message.error());
  const Result<void> written = message->encode(writer, version);
  if (!written) return fail(written.error());
  return message->to_json(version);
}

template <class Message>
[[nodiscard]] Result<void> encode_default(Writer& writer, std::int16_t version) {
  return Message{}.encode(writer, version);
}

/// The registry's entry of a message.
template <class Message>
[[nodiscard]] constexpr MessageInfo message_info(std::int16_t key, MessageKind kind) {
  return MessageInfo{.name = Message::message_name,
                     .key = key,
                     .kind = kind,
                     .version_lowest = Message::version_lowest,
                     .version_highest = Message::version_highest,
                     .flexible_from = Message::flexible_from,
                     .reencode = &reencode<Message>,
                     .encode_default = &encode_default<Message>};
}

}  // namespace gregor::protocol::codec
