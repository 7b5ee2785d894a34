// A blocking connection that speaks the protocol without any cleverness: no retries, no metadata,
// one frame at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "protocol/header.h"

namespace gregor::crash {

struct Address {
  std::string host;
  std::uint16_t port = 0;
};

/// A decoded answer and the frame that it points into.
template <class Response>
struct Answer {
  std::vector<std::byte> frame;
  Response message;
};

/// The bytes of one request with its size in front. @errors as the encoders
template <class Request>
[[nodiscard]] Result<std::vector<std::byte>> frame_of(const Request& request,
                                                      protocol::ApiVersion version,
                                                      std::int32_t correlation_id) {
  protocol::Writer writer;
  const std::size_t start = protocol::begin_frame(writer);
  protocol::RequestHeader header;
  header.request_api_key = static_cast<std::int16_t>(Request::api_key);
  header.request_api_version = version;
  header.correlation_id = correlation_id;
  header.client_id = "crash-checker";
  if (auto done = protocol::encode_request_header(writer, header); !done)
    return fail(std::move(done.error()));
  if (auto done = request.encode(writer, version); !done) return fail(std::move(done.error()));
  if (auto done = protocol::end_frame(writer, start); !done) return fail(std::move(done.error()));
  return writer.take();
}

/// Decodes an answer. @errors as the decoders; invalid_request: another correlation id
template <class Response>
[[nodiscard]] Result<Response> open_answer(ByteView frame, protocol::ApiVersion version,
                                           std::int32_t correlation_id) {
  protocol::Reader reader(frame);
  const auto header = protocol::decode_response_header(reader, Response::api_key, version);
  if (!header) return fail(header.error());
  if (header->correlation_id != correlation_id)
    return fail(ErrorCode::invalid_request, "an answer out of order");
  return Response::decode(reader, version);
}

/// Thread: one at a time. Owns: the socket.
class WireClient {
 public:
  using Milliseconds = std::chrono::milliseconds;

  /// @errors network_exception: refused, or not within five seconds
  [[nodiscard]] static Result<WireClient> connect(const Address& address);
  WireClient(WireClient&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  WireClient& operator=(WireClient&& other) noexcept {
    std::swap(socket_, other.socket_);
    return *this;
  }
  ~WireClient();

  /// Sends all of it. @errors network_exception
  [[nodiscard]] Result<void> send(ByteView bytes);
  /// True once there is something to receive, be it the end of the connection.
  [[nodiscard]] bool wait_readable(Milliseconds timeout);
  /// One frame, without its size. @errors network_exception: closed, or nothing came for 30 seconds
  [[nodiscard]] Result<std::vector<std::byte>> receive();

  /// Sends a request and waits for its answer, which must be the next one.
  template <class Api>
  [[nodiscard]] Result<Answer<typename Api::Response>> call(const typename Api::Request& request,
                                                            protocol::ApiVersion version) {
    const auto frame = frame_of(request, version, 1);
    if (!frame) return fail(frame.error());
    if (auto sent = send(*frame); !sent) return fail(std::move(sent.error()));
    return receive_answer<typename Api::Response>(version, 1);
  }

  template <class Response>
  [[nodiscard]] Result<Answer<Response>> receive_answer(protocol::ApiVersion version,
                                                        std::int32_t correlation_id) {
    auto frame = receive();
    if (!frame) return fail(std::move(frame.error()));
    auto message = open_answer<Response>(*frame, version, correlation_id);
    if (!message) return fail(std::move(message.error()));
    return Answer<Response>{std::move(*frame), std::move(*message)};
  }

 private:
  explicit WireClient(int socket) : socket_(socket) {}
  [[nodiscard]] Result<void> read_exactly(ByteSpan out);

  int socket_ = -1;
};

}  // namespace gregor::crash
