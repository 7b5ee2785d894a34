// Java's properties text, as in server.properties: "key=value", "key: value", comments, escapes,
// lines that go on.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gregor::config {

struct Property {
  std::string key, value;
  std::size_t line = 0;  ///< where the entry begins, from 1
};

/// Parses properties text. Pure; any thread. Differs from Java in two things: bytes above 127 are
/// passed on as they are (UTF-8, where Java reads Latin-1), and a byte order mark at the start is
/// skipped.
///
/// Source: java.util.Properties.load, the published description.
/// @param path  only for messages
/// @return all entries in order, a key that occurs twice included
/// @errors invalid_config with "path:line: ...": a bad \u escape, a NUL byte
[[nodiscard]] Result<std::vector<Property>> parse_properties(std::string_view text,
                                                             std::string_view path);

}  // namespace gregor::config
