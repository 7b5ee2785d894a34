// Headers of requests and responses, and the size in front of a frame.
//
//   frame      int32 size of the rest, header, body
//   request    h0: int16 api key, int16 api version, int32 correlation id; h1: + nullable client
//   id; h2: + tagged fields response   h0: int32 correlation id; h1: + tagged fields
#pragma once

#include "base/result.h"
#include "protocol/api_table.h"
#include "protocol/reader.h"
#include "protocol/request_header.h"
#include "protocol/response_header.h"
#include "protocol/writer.h"

namespace gregor::protocol {

/// Reads the header at the front of a frame; the body follows in the same reader. A version that
/// its API does not have is fine here (the caller judges it: ApiVersions has an answer to it), an
/// unknown API is not, for its header can't be told.
///
/// @errors unsupported_version: unknown api key; invalid_request: cut short or malformed.
[[nodiscard]] Result<RequestHeader> decode_request_header(Reader& reader);

/// Writes the header that the request's API and version have. @errors unsupported_version: unknown
/// api key; invalid_request: client id too long.
[[nodiscard]] Result<void> encode_request_header(Writer& writer, const RequestHeader& header);

/// @errors invalid_request: cut short or malformed.
[[nodiscard]] Result<ResponseHeader> decode_response_header(Reader& reader, ApiKey key,
                                                            ApiVersion version);

/// Writes the header of the response to a request of this key, which must be known, and version.
void encode_response_header(Writer& writer, ApiKey key, ApiVersion version,
                            std::int32_t correlation_id);

/// Writes a place holder for the size. @return where it is, for end_frame()
[[nodiscard]] std::size_t begin_frame(Writer& writer);

/// Fills in the size of all that was written since, gaps included. The writer must hold no other
/// frame with gaps behind.
/// @errors invalid_request: larger than a frame can be (2 GiB).
[[nodiscard]] Result<void> end_frame(Writer& writer, std::size_t start);

}  // namespace gregor::protocol
