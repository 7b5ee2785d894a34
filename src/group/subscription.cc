#include "group/subscription.h"

#include <cstdint>

namespace gregor::group {

std::optional<std::vector<std::string_view>> subscribed_topics(ByteView metadata) {
  constexpr std::size_t head_bytes = 2 + 4;
  constexpr std::size_t length_bytes = 2;
  if (metadata.size() < head_bytes) return std::nullopt;
  if (load_be<std::int16_t>(metadata.data()) < 0) return std::nullopt;
  const auto count = load_be<std::int32_t>(metadata.data() + 2);
  ByteView rest = metadata.subspan(head_bytes);
  if (count < 0 || static_cast<std::size_t>(count) > rest.size() / length_bytes)
    return std::nullopt;
  std::vector<std::string_view> topics;
  topics.reserve(static_cast<std::size_t>(count));
  for (std::int32_t i = 0; i < count; ++i) {
    if (rest.size() < length_bytes) return std::nullopt;
    const auto length = load_be<std::int16_t>(rest.data());
    rest = rest.subspan(length_bytes);
    if (length < 0 || static_cast<std::size_t>(length) > rest.size()) return std::nullopt;
    topics.push_back(as_text(rest.first(static_cast<std::size_t>(length))));
    rest = rest.subspan(static_cast<std::size_t>(length));
  }
  return topics;
}

}  // namespace gregor::group
