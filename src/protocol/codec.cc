#include "protocol/codec.h"

namespace gregor::protocol::codec {
namespace {

template <class T>
std::size_t smallest(bool /*flexible*/) {
  return sizeof(T);
}
template <>
std::size_t smallest<std::string_view>(bool flexible) {
  return flexible ? 1 : 2;
}

void read_item(Reader& reader, bool /*flexible*/, std::int8_t& out) { out = reader.int8(); }
void read_item(Reader& reader, bool /*flexible*/, std::int16_t& out) { out = reader.int16(); }
void read_item(Reader& reader, bool /*flexible*/, std::int32_t& out) { out = reader.int32(); }
void read_item(Reader& reader, bool /*flexible*/, std::int64_t& out) { out = reader.int64(); }
void read_item(Reader& reader, bool /*flexible*/, model::Uuid& out) { out = reader.uuid(); }
void read_item(Reader& reader, bool flexible, std::string_view& out) {
  out = reader.string(flexible);
}

void write_item(Writer& writer, bool /*flexible*/, std::int8_t value) { writer.int8(value); }
void write_item(Writer& writer, bool /*flexible*/, std::int16_t value) { writer.int16(value); }
void write_item(Writer& writer, bool /*flexible*/, std::int32_t value) { writer.int32(value); }
void write_item(Writer& writer, bool /*flexible*/, std::int64_t value) { writer.int64(value); }
void write_item(Writer& writer, bool /*flexible*/, const model::Uuid& id) { writer.uuid(id); }
void write_item(Writer& writer, bool flexible, std::string_view text) {
  writer.string(text, flexible);
}

template <class T>
std::vector<T> read_counted(Reader& reader, bool flexible, std::size_t count) {
  std::vector<T> items(count);
  for (T& item : items) {
    if (!reader.ok()) break;
    read_item(reader, flexible, item);
  }
  return items;
}

}  // namespace

template <class T>
std::vector<T> read_items(Reader& reader, bool flexible) {
  const std::size_t count = reader.array(flexible, smallest<T>(flexible), sizeof(T));
  return read_counted<T>(reader, flexible, count);
}

template <class T>
std::optional<std::vector<T>> read_nullable_items(Reader& reader, bool flexible,
                                                  bool null_allowed) {
  const auto count =
      reader.nullable_array(flexible, null_allowed, smallest<T>(flexible), sizeof(T));
  if (!count) return std::nullopt;
  return read_counted<T>(reader, flexible, *count);
}

template <class T>
void write_items(Writer& writer, const std::vector<T>& items, bool flexible) {
  writer.array(items.size(), flexible);
  for (const T& item : items) write_item(writer, flexible, item);
}

#define GREGOR_ITEMS(type)                                                                  \
  template std::vector<type> read_items<type>(Reader&, bool);                               \
  template std::optional<std::vector<type>> read_nullable_items<type>(Reader&, bool, bool); \
  template void write_items<type>(Writer&, const std::vector<type>&, bool);
GREGOR_ITEMS(std::int8_t)
GREGOR_ITEMS(std::int16_t)
GREGOR_ITEMS(std::int32_t)
GREGOR_ITEMS(std::int64_t)
GREGOR_ITEMS(std::string_view)
GREGOR_ITEMS(model::Uuid)
#undef GREGOR_ITEMS

Error no_version(std::string_view message, std::int16_t version) {
  return Error{ErrorCode::unsupported_version,
               std::string(message) + " has no version " + std::to_string(version)};
}

}  // namespace gregor::protocol::codec
