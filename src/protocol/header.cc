#include "protocol/header.h"

#include <limits>
#include <string>

#include "base/assert.h"

namespace gregor::protocol {
Result<RequestHeader> decode_request_header(Reader& reader) {
  Reader ahead = reader;
  const auto key = static_cast<ApiKey>(ahead.int16());
  const ApiVersion version = ahead.int16();
  if (!ahead.ok()) return fail(ahead.error(RequestHeader::message_name, version));
  if (find_api(key) == nullptr) {
    return fail(ErrorCode::unsupported_version,
                "unknown api key " + std::to_string(static_cast<std::int16_t>(key)));
  }
  return RequestHeader::decode(reader, request_header_version(key, version));
}

Result<void> encode_request_header(Writer& writer, const RequestHeader& header) {
  const auto key = static_cast<ApiKey>(header.request_api_key);
  if (find_api(key) == nullptr) {
    return fail(ErrorCode::unsupported_version,
                "unknown api key " + std::to_string(header.request_api_key));
  }
  const ApiVersion version = request_header_version(key, header.request_api_version);
  if (version > 0) return header.encode(writer, version);
  RequestHeader plain = header;  // version 0 has no room for a client id
  plain.client_id = RequestHeader{}.client_id;
  return plain.encode(writer, version);
}

Result<ResponseHeader> decode_response_header(Reader& reader, ApiKey key, ApiVersion version) {
  return ResponseHeader::decode(reader, response_header_version(key, version));
}

void encode_response_header(Writer& writer, ApiKey key, ApiVersion version,
                            std::int32_t correlation_id) {
  const ResponseHeader header{.correlation_id = correlation_id};
  const Result<void> written = header.encode(writer, response_header_version(key, version));
  GREGOR_ASSERT(written.has_value());
}

std::size_t begin_frame(Writer& writer) {
  const std::size_t start = writer.size();
  writer.int32(0);
  return start;
}

Result<void> end_frame(Writer& writer, std::size_t start) {
  std::uint64_t size = writer.size() - start - sizeof(std::int32_t);
  for (const Gap& gap : writer.gaps()) {
    if (gap.position > start) size += gap.size;
  }
  if (size > std::uint64_t{std::numeric_limits<std::int32_t>::max()}) {
    return fail(ErrorCode::invalid_request, "a frame of " + std::to_string(size) + " bytes");
  }
  writer.patch_int32(start, static_cast<std::int32_t>(size));
  return {};
}

}  // namespace gregor::protocol
