// libFuzzer target over all messages: the first bytes choose a message and a version, the rest is
// its body. Whatever decodes must encode, and what was encoded must decode to the same JSON.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/assert.h"
#include "protocol/header.h"
#include "protocol/registry.h"

namespace gregor::protocol {
namespace {

void fuzz_header(ByteView in) {
  Reader reader(in);
  const auto header = decode_request_header(reader);
  if (!header) return;
  Writer writer;
  const auto written = encode_request_header(writer, *header);
  GREGOR_ASSERT(written.has_value());
}

void fuzz_message(const MessageInfo& info, ApiVersion version, ByteView body) {
  Reader reader(body);
  Writer first;
  const auto json = info.reencode(reader, version, first);
  if (!json) return;
  Reader again(first.bytes());
  Writer second;
  const auto same = info.reencode(again, version, second);
  GREGOR_ASSERT(same.has_value());
  GREGOR_ASSERT(*same == *json);
  GREGOR_ASSERT(second.size() == first.size());
}

}  // namespace
}  // namespace gregor::protocol

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gregor::protocol;
  const gregor::ByteView in = std::as_bytes(std::span(data, size));
  if (in.size() < 2) return 0;
  const auto messages = all_messages();
  const auto choice = std::to_integer<std::size_t>(in[0]);
  if (choice >= messages.size()) {
    fuzz_header(in.subspan(1));
    return 0;
  }
  const MessageInfo& info = *messages[choice];
  const int versions = info.version_highest - info.version_lowest + 1;
  const int version = info.version_lowest + std::to_integer<int>(in[1]) % versions;
  fuzz_message(info, static_cast<ApiVersion>(version), in.subspan(2));
  return 0;
}
