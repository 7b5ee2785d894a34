// Fuzz target (libFuzzer): any bytes on the HTTP port, cut into pieces as the first byte says.
// Beyond "no crash": how the bytes are cut makes no difference, and what is let through keeps the
// promises of Request.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/assert.h"
#include "http/request_reader.h"

namespace {

using gregor::http::ReadRequest;
using gregor::http::RequestReader;

void check(const gregor::http::Request& request) {
  GREGOR_ASSERT(request.path.starts_with('/'));
  for (const std::string& text : {request.path, request.host, request.origin}) {
    GREGOR_ASSERT(text.find('\n') == std::string::npos && text.find('\0') == std::string::npos);
  }
}

/// One text per request; a refusal ends it.
std::vector<std::string> read_all(const std::uint8_t* data, std::size_t size, std::size_t piece) {
  RequestReader reader;
  std::vector<std::string> found;
  for (std::size_t at = 0; at < size;) {
    const gregor::ByteSpan room = reader.room();
    GREGOR_ASSERT(!room.empty());
    const std::size_t bytes = std::min({piece, room.size(), size - at});
    std::memcpy(room.data(), data + at, bytes);
    reader.added(bytes);
    at += bytes;
    while (auto next = reader.next()) {
      if (!*next) {
        GREGOR_ASSERT(next->error().status >= 400 && next->error().status < 600);
        found.push_back(std::to_string(next->error().status));
        return found;
      }
      check(**next);
      found.push_back((*next)->path);
    }
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto whole = read_all(data + 1, size - 1, SIZE_MAX);
  const auto pieces = read_all(data + 1, size - 1, std::size_t{1} + data[0]);
  GREGOR_ASSERT(whole == pieces);
  return 0;
}
