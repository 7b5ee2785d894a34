// ClientConnection: a model client's connection: frames, correlation ids, several requests under
// way. Not the client library: it does what it is told, also what no sane client would.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "protocol/header.h"
#include "runtime/network.h"
#include "runtime/shard.h"

namespace gregor::sim {

/// A request on its way, or its answer.
struct ClientCall {
  explicit ClientCall(runtime::Shard& shard) : ended(shard) {}
  std::int32_t correlation_id = 0;
  std::vector<std::byte> frame;  ///< the answer without its size; valid if has_answer
  bool has_answer = false;
  runtime::OneShot ended;
};
using ClientCallPointer = std::shared_ptr<ClientCall>;

/// Thread: one shard. Its loops run in a task group of the owner's and end after close().
/// Errors: network_exception when the connection ended, request_timed_out when no answer came in
/// time.
class ClientConnection {
 public:
  using Pointer = std::shared_ptr<ClientConnection>;
  /// @param tasks  where the loops run; outlives the connection
  static runtime::Task<Result<Pointer>> open(runtime::Shard& shard, runtime::TaskGroup& tasks,
                                             runtime::SocketAddress address,
                                             runtime::Instant deadline);
  ClientConnection(runtime::Shard& shard, std::unique_ptr<runtime::Stream> stream,
                   std::uint64_t number)
      : shard_(shard), stream_(std::move(stream)), number_(number) {}
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  /// Queues a whole frame at once; it is written as the stream takes it. Frames keep their order.
  ClientCallPointer send(std::vector<std::byte> frame, std::int32_t correlation_id,
                         bool expects_answer);
  [[nodiscard]] std::int32_t next_correlation_id() { return next_correlation_id_++; }
  [[nodiscard]] bool is_open() const { return !closed_; }
  /// True once the other end, not close(), has ended it in order.
  [[nodiscard]] bool was_ended_by_peer() const { return ended_by_peer_; }
  /// True once it was reset, by the other end or by the network.
  [[nodiscard]] bool was_reset() const { return reset_; }
  /// True if an answer came that nobody had asked for, or in another order.
  [[nodiscard]] bool is_out_of_order() const { return out_of_order_; }
  /// What is under way fails.
  void close();
  [[nodiscard]] runtime::Shard& shard() { return shard_; }
  /// Unique in the process of the run.
  [[nodiscard]] std::uint64_t number() const { return number_; }

 private:
  static runtime::Task<void> write_frames(Pointer self);
  static runtime::Task<void> read_frames(Pointer self);
  bool take_frame();

  runtime::Shard& shard_;
  const std::unique_ptr<runtime::Stream> stream_;
  const std::uint64_t number_;
  std::deque<std::vector<std::byte>> outbox_;
  std::deque<ClientCallPointer> under_way_;
  std::unique_ptr<runtime::OneShot> outbox_filled_;
  std::vector<std::byte> inbox_;
  std::int32_t next_correlation_id_ = 1;
  bool closed_ = false;
  bool ended_by_peer_ = false;
  bool reset_ = false;
  bool out_of_order_ = false;
};

/// An answer, decoded; the body points into the frame.
template <class Api>
struct ClientReply {
  std::vector<std::byte> frame;
  typename Api::Response body;
};

/// The frame of a request, with its size in front.
/// @errors of encoding: a field that the version does not have
template <class Request>
Result<std::vector<std::byte>> make_frame(const Request& request, protocol::ApiVersion version,
                                          std::int32_t correlation_id) {
  protocol::Writer writer;
  const std::size_t start = protocol::begin_frame(writer);
  protocol::RequestHeader header;
  header.request_api_key = static_cast<std::int16_t>(Request::api_key);
  header.request_api_version = version;
  header.correlation_id = correlation_id;
  header.client_id = "model";
  if (auto written = protocol::encode_request_header(writer, header); !written)
    return fail(std::move(written.error()));
  if (auto written = request.encode(writer, version); !written)
    return fail(std::move(written.error()));
  if (auto ended = protocol::end_frame(writer, start); !ended)
    return fail(std::move(ended.error()));
  return writer.take();
}

/// @errors invalid_request: it can't be decoded
template <class Api>
Result<ClientReply<Api>> decode_reply(std::vector<std::byte> frame, protocol::ApiVersion version) {
  ClientReply<Api> reply;
  reply.frame = std::move(frame);
  protocol::Reader reader(reply.frame);
  auto header = protocol::decode_response_header(reader, Api::key, version);
  if (!header) return fail(std::move(header.error()));
  auto body = Api::Response::decode(reader, version);
  if (!body) return fail(std::move(body.error()));
  if (reader.remaining() != 0) return fail(ErrorCode::invalid_request, "bytes behind the answer");
  reply.body = std::move(*body);
  return reply;
}

/// Waits for the answer of a call. On request_timed_out the connection is closed.
template <class Api>
runtime::Task<Result<ClientReply<Api>>> await_reply(ClientConnection::Pointer connection,
                                                    ClientCallPointer call,
                                                    protocol::ApiVersion version,
                                                    runtime::Instant deadline) {
  const bool ended = co_await call->ended.wait_until(deadline);
  if (!ended) {
    connection->close();
    co_return fail(ErrorCode::request_timed_out, "no answer");
  }
  if (!call->has_answer) co_return fail(ErrorCode::network_exception, "the connection ended");
  co_return decode_reply<Api>(std::move(call->frame), version);
}

}  // namespace gregor::sim
