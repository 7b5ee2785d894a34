// Kafka's error codes as an enum, with names and retry rules; made from error_codes.def.
#pragma once

#include <cstdint>
#include <string_view>

namespace gregor {

/// An error as it goes over the wire (int16). Source: the protocol guide, "Error codes".
enum class ErrorCode : std::int16_t {
#define GREGOR_ERROR(code, name, retriable, refresh) name = code,
#include "base/error_codes.def"
#undef GREGOR_ERROR
};

/// Upper-case name as Kafka's tools print it, e.g. "CORRUPT_MESSAGE"; "UNKNOWN_SERVER_ERROR" for a
/// code not in the list. Thread: any.
[[nodiscard]] std::string_view error_name(ErrorCode code);

/// True if a client may send the same request again without a change.
[[nodiscard]] bool is_retriable(ErrorCode code);

/// True if a client should refresh its metadata before the next try.
[[nodiscard]] bool invalidates_metadata(ErrorCode code);

}  // namespace gregor
