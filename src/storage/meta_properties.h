// meta.properties: who a log dir belongs to, in Java's properties syntax. Layout and rules:
// docs/formats/checkpoints.md. Text in, text out.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "storage/log_dirs.h"

namespace gregor::storage {

/// Reads Java properties: comments (# and !), '=', ':' or blanks behind the key, escapes, lines
/// that go on. Never fails: what is not understood is a key without a value. The last of two equal
/// keys counts. Thread: any.
[[nodiscard]] std::map<std::string, std::string> parse_properties(std::string_view text);

/// Takes the known keys out. Junk and an empty text give an empty value.
/// @param path  for texts
/// @errors kafka_storage_error: version 1 (KRaft, with a hint) or unknown, a broker.id that is no
///         number
[[nodiscard]] Result<MetaProperties> parse_meta_properties(std::string_view text,
                                                           std::string_view path);

/// version, broker.id, cluster.id and the others. Thread: any.
[[nodiscard]] std::string format_meta_properties(const MetaProperties& meta);

}  // namespace gregor::storage
