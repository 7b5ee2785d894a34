#include "http/connection.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>

#include "http/request_head.h"

namespace gregor::http {
namespace {

// A reader must take so much within the time limit of an answer.
constexpr std::size_t piece_bytes_max = 64 * 1024;
// What a refused client is still sending is read for a while: closing at once would reset the
// connection, and the refusal could be lost with it.
constexpr std::chrono::seconds swallow_time_max{1};
constexpr std::size_t swallowed_bytes_max = std::size_t{4} << 20;

}  // namespace

Connection::Connection(ConnectionHost& host, std::unique_ptr<runtime::Stream> stream,
                       bool on_loopback)
    : host_(host), stream_(std::move(stream)), on_loopback_(on_loopback) {}

Connection::~Connection() { host_.shard.cancel_timer(timer_); }

void Connection::close_at(runtime::Instant deadline) {
  host_.shard.cancel_timer(timer_);
  timer_ = host_.shard.start_timer(deadline, [this] {
    timer_ = 0;
    stream_->close();
  });
}

runtime::Task<void> Connection::serve() {
  close_at(host_.shard.clock().now() + host_.limits.request_max);
  while (!stopping_) {
    auto next = reader_.next();
    if (!next) {
      const bool has_more = co_await read_more();
      if (!has_more) break;
      continue;
    }
    waiting_ = false;
    if (!*next) {
      co_await refuse(next->error());
      break;
    }
    const bool goes_on = co_await answer(std::move(**next));
    if (!goes_on) break;
    waiting_ = true;
    close_at(host_.shard.clock().now() + host_.limits.idle_max);
  }
  stream_->close();
}

// The time limit of a head counts from its first byte: more bytes don't extend it.
runtime::Task<bool> Connection::read_more() {
  const bool was_between = reader_.is_between_requests();
  const ByteSpan room = reader_.room();
  const auto got = co_await stream_->read_some(room);
  if (!got || *got == 0) co_return false;
  reader_.added(*got);
  if (was_between) close_at(host_.shard.clock().now() + host_.limits.request_max);
  co_return true;
}

runtime::Task<bool> Connection::answer(Request request) {
  host_.shard.cancel_timer(std::exchange(timer_, 0));  // handlers have limits of their own
  const Response response = co_await host_.answer(request, on_loopback_);
  const bool keep_alive = request.keep_alive && !stopping_;
  host_.answer_bytes += response.body.size();
  const bool sent = co_await send(response, request.method == Method::get, keep_alive);
  host_.answer_bytes -= response.body.size();
  co_return sent&& keep_alive;
}

runtime::Task<void> Connection::refuse(Refusal refusal) {
  Response response;
  response.status = refusal.status;
  response.body = std::string(refusal.reason) + "\n";
  const bool sent = co_await send(response, true, false);
  if (sent) co_await swallow();
}

runtime::Task<bool> Connection::send(const Response& response, bool with_body, bool keep_alive) {
  host_.count(response.status);
  const std::string head = format_head(response, keep_alive);
  // Head and a small body leave in one write.
  const ByteView body = with_body ? as_bytes(response.body) : ByteView();
  std::string first = head;
  const std::size_t beside = std::min(body.size(), piece_bytes_max);
  first.append(as_text(body.first(beside)));
  bool sent = co_await write(as_bytes(first));
  for (std::size_t at = beside; sent && at < body.size(); at += piece_bytes_max) {
    sent = co_await write(body.subspan(at, std::min(piece_bytes_max, body.size() - at)));
  }
  co_return sent;
}

runtime::Task<bool> Connection::write(ByteView bytes) {
  close_at(host_.shard.clock().now() + host_.limits.request_max);
  const auto written = co_await stream_->write(std::span<const ByteView>(&bytes, 1));
  co_return written.has_value();
}

runtime::Task<void> Connection::swallow() {
  close_at(host_.shard.clock().now() + swallow_time_max);
  std::array<std::byte, 4096> unread;
  for (std::size_t all = 0; all < swallowed_bytes_max;) {
    const ByteSpan room(unread);
    const auto got = co_await stream_->read_some(room);
    if (!got || *got == 0) co_return;
    all += *got;
  }
}

void Connection::stop() {
  stopping_ = true;
  if (waiting_) stream_->close();
}

}  // namespace gregor::http
