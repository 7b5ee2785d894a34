// One HTTP connection: reads requests, has them answered, closes what is slow or wrong.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "http/message.h"
#include "http/request_reader.h"
#include "runtime/network.h"
#include "runtime/shard.h"

namespace gregor::http {

/// Makes the answer to one request. The request stays alive until the task has ended.
using Handler = std::function<runtime::Task<Response>(const Request& request)>;

struct ConnectionLimits {
  /// A request's head, and each piece of an answer, may take so long.
  runtime::Duration request_max = std::chrono::seconds(10);
  /// A connection may be silent between two requests for so long.
  runtime::Duration idle_max = std::chrono::seconds(75);
};

/// What the connections of one server share.
struct ConnectionHost {
  runtime::Shard& shard;
  ConnectionLimits limits;
  /// Gives the answer or refuses; never throws the connection out of step.
  std::function<runtime::Task<Response>(const Request& request, bool on_loopback)> answer;
  /// Told of each status that is sent.
  std::function<void(unsigned status)> count;
  /// Bodies of answers that are being sent.
  std::size_t answer_bytes = 0;
};

/// Thread:    one shard.
/// Invariant: one request at a time, answers in the order of the requests; after a refusal the
/// connection ends.
class Connection {
 public:
  Connection(ConnectionHost& host, std::unique_ptr<runtime::Stream> stream, bool on_loopback);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Ends when the connection is closed.
  runtime::Task<void> serve();

  /// True while it waits for a request: closing it costs nobody an answer.
  [[nodiscard]] bool is_waiting() const { return waiting_; }
  /// The answer under way is sent, then it closes.
  void stop();
  /// Closes at once.
  void abort() { stream_->close(); }

 private:
  runtime::Task<bool> read_more();
  runtime::Task<bool> answer(Request request);
  runtime::Task<void> refuse(Refusal refusal);
  runtime::Task<bool> send(const Response& response, bool with_body, bool keep_alive);
  runtime::Task<bool> write(ByteView bytes);
  runtime::Task<void> swallow();
  void close_at(runtime::Instant deadline);

  ConnectionHost& host_;
  std::unique_ptr<runtime::Stream> stream_;
  const bool on_loopback_;
  RequestReader reader_;
  runtime::TimerId timer_ = 0;
  bool waiting_ = true;
  bool stopping_ = false;
};

}  // namespace gregor::http
