#include "model/varint.h"

#include <algorithm>

namespace gregor::model {

template <class T>
const std::byte* read_long_varint(const std::byte* at, const std::byte* end, T& out) {
  using Raw = std::make_unsigned_t<T>;
  constexpr std::size_t bytes_max = sizeof(T) == 4 ? varint_bytes_max : varlong_bytes_max;
  const std::size_t size = std::min(bytes_max, static_cast<std::size_t>(end - at));
  Raw raw = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const auto byte = std::to_integer<Raw>(at[i]);
    raw |= static_cast<Raw>((byte & 0x7f) << (7 * i));
    if (byte < 0x80) {
      out = unzigzag(raw);
      return at + i + 1;
    }
  }
  return nullptr;
}

template const std::byte* read_long_varint(const std::byte*, const std::byte*, std::int32_t&);
template const std::byte* read_long_varint(const std::byte*, const std::byte*, std::int64_t&);

}  // namespace gregor::model
