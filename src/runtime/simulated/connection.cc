#include "runtime/simulated/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "runtime/simulated/wire.h"

namespace gregor::runtime::simulated {
namespace {

// As in the real version: after so many operations in a row the loop serves the others first.
constexpr std::uint32_t operations_per_turn = 16;

}  // namespace

void ByteFifo::take(ByteSpan out) {
  GREGOR_ASSERT(out.size() <= size());
  std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(head_), out.size(), out.begin());
  head_ += out.size();
  if (head_ == bytes_.size()) {
    bytes_.clear();
    head_ = 0;
  } else if (head_ > bytes_.size() / 2) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

void ByteFifo::clear() {
  bytes_ = {};
  head_ = 0;
}

Connection::Connection(Wire& wire, std::uint64_t number)
    : wire_(wire),
      number_(number),
      numbers_(wire.scheduler().split(fmt::format("connection.{}", number))) {}

Connection::~Connection() { wire_.forget(number_); }

Error Connection::failure(const char* what, const Endpoint& at, int os_error) const {
  return {ErrorCode::network_exception,
          fmt::format("{} {}:{}: {}", what, at.peer.host, at.peer.port, std::strerror(os_error)),
          os_error};
}

int Connection::refusal(const Endpoint& at) {
  if (at.closed) return ECANCELED;
  if (!at.life->alive) return ECONNABORTED;
  return 0;
}

std::optional<Result<std::size_t>> Connection::try_read(Side side, ByteSpan out) {
  Endpoint& at = end(side);
  if (const int os_error = refusal(at)) return fail(failure("read from", at, os_error));
  if (at.received.size() == 0) {
    if (at.was_reset) return fail(failure("read from", at, ECONNRESET));
    if (at.ended) return Result<std::size_t>(0);
    return std::nullopt;
  }
  std::size_t count = std::min(out.size(), at.received.size());
  if (numbers_.chance(wire_.options().split_probability)) count = numbers_.between(1, count);
  at.received.take(out.first(count));
  if (end(other(side)).writer.waiting)
    wake(other(side), &Endpoint::writer, wire_.draw_delay(numbers_));
  return Result<std::size_t>(count);
}

Result<std::size_t> Connection::try_write(Side side, ByteView bytes) {
  Endpoint& at = end(side);
  if (const int os_error = refusal(at)) return fail(failure("write to", at, os_error));
  if (at.was_reset) return fail(failure("write to", at, ECONNRESET));
  const std::size_t used = at.bytes_under_way + end(other(side)).received.size();
  const std::size_t window = wire_.options().window_bytes;
  const std::size_t count = std::min(bytes.size(), used < window ? window - used : 0);
  for (ByteView left = bytes.first(count); !left.empty();) {
    std::size_t size = left.size();
    if (numbers_.chance(wire_.options().split_probability)) size = numbers_.between(1, size);
    if (numbers_.chance(wire_.options().reset_probability)) {
      reset(side);
      return fail(failure("write to", at, ECONNRESET));
    }
    send(side,
         {Piece::Kind::data, {left.begin(), left.begin() + static_cast<std::ptrdiff_t>(size)}});
    left = left.subspan(size);
  }
  return count;
}

bool Connection::yields(Side side, WaitSlot Endpoint::*slot) {
  const bool must = ++end(side).operations % operations_per_turn == 0;
  if (!must && !numbers_.chance(wire_.options().suspend_probability)) return false;
  wake(side, slot, Duration(0));
  return true;
}

void Connection::send(Side from, Piece piece) {
  Endpoint& at = end(from);
  const Instant now = wire_.scheduler().now();
  at.last_arrival = std::max(at.last_arrival, now + wire_.draw_delay(numbers_));
  at.bytes_under_way += piece.bytes.size();
  at.under_way.push_back(std::move(piece));
  push_arrival(from, at.last_arrival);
}

void Connection::push_arrival(Side from, Instant at) {
  const Endpoint& to = end(other(from));
  Event event{.kind = EventKind::network, .node = to.life->node, .shard = to.shard};
  event.action = [self = shared_from_this(), from] { self->arrive(from); };
  wire_.scheduler().push(at, std::move(event));
}

void Connection::send_end(Side from) {
  if (end(from).sent_reset || std::exchange(end(from).sent_end, true)) return;
  send(from, {Piece::Kind::end, {}});
}

void Connection::send_reset(Side from) {
  if (std::exchange(end(from).sent_reset, true)) return;
  send(from, {Piece::Kind::reset, {}});
}

void Connection::wake(Side side, WaitSlot Endpoint::*slot, Duration delay) {
  const Endpoint& at = end(side);
  Event event{.kind = EventKind::wake, .node = at.life->node, .shard = at.shard, .life = at.life};
  event.action = [self = shared_from_this(), side, slot] { (self->end(side).*slot).resume(); };
  wire_.scheduler().push(wire_.scheduler().now() + delay, std::move(event));
}

void Connection::close(Side side) {
  Endpoint& at = end(side);
  if (std::exchange(at.closed, true) || !at.life->alive) return;
  // As TCP does: who closes with unread bytes resets.
  const bool unread = at.received.size() > 0;
  at.received.clear();
  if (!at.was_reset && unread) send_reset(side);
  if (!at.was_reset && !unread) send_end(side);
  if (at.reader.waiting) wake(side, &Endpoint::reader, Duration(0));
  if (at.writer.waiting) wake(side, &Endpoint::writer, Duration(0));
}

void Connection::reset(Side side) {
  Endpoint& at = end(side);
  if (std::exchange(at.was_reset, true)) return;
  send_reset(side);
  if (at.reader.waiting) wake(side, &Endpoint::reader, Duration(0));
  if (at.writer.waiting) wake(side, &Endpoint::writer, Duration(0));
}

void Connection::die(Side side, bool tell_peer) {
  Endpoint& at = end(side);
  const std::size_t kept = numbers_.below(at.under_way.size() + 1);
  while (at.under_way.size() > kept) {
    at.bytes_under_way -= at.under_way.back().bytes.size();
    if (at.under_way.back().kind == Piece::Kind::end) at.sent_end = false;
    if (at.under_way.back().kind == Piece::Kind::reset) at.sent_reset = false;
    at.under_way.pop_back();
  }
  if (tell_peer) send_reset(side);
}

void Connection::arrive(Side from) {
  Endpoint& sender = end(from);
  const Side to = other(from);
  if (wire_.is_stalled(sender.life->node, end(to).life->node)) {
    ++sender.held_arrivals;
    return;
  }
  if (sender.under_way.empty()) return;  // lost with its sender
  Piece piece = std::move(sender.under_way.front());
  sender.under_way.pop_front();
  sender.bytes_under_way -= piece.bytes.size();
  accept_piece(to, std::move(piece));
}

void Connection::accept_piece(Side to, Piece piece) {
  Endpoint& at = end(to);
  if (!at.life->alive || at.closed || at.was_reset) {
    // A host that knows nothing of the connection answers data with a reset; one that is down says
    // nothing.
    const bool answers = at.life->alive || wire_.is_up(at.life->node);
    if (piece.kind == Piece::Kind::data && answers) send_reset(to);
    return;
  }
  switch (piece.kind) {
    case Piece::Kind::data:
      at.received.append(piece.bytes);
      break;
    case Piece::Kind::end:
      at.ended = true;
      break;
    case Piece::Kind::reset:
      at.was_reset = true;
      break;
  }
  resume(to, &Endpoint::reader);
  if (piece.kind == Piece::Kind::reset) resume(to, &Endpoint::writer);
}

void Connection::resume(Side side, WaitSlot Endpoint::*slot) {
  Endpoint& at = end(side);
  if (!at.life->alive || !(at.*slot).waiting) return;
  wire_.scheduler().run_as({at.life, at.shard}, [&] { (at.*slot).resume(); });
}

void Connection::resume_arrivals(Side from) {
  Endpoint& at = end(from);
  const Instant now = wire_.scheduler().now();
  for (std::uint32_t left = std::exchange(at.held_arrivals, 0); left > 0; --left) {
    at.last_arrival = std::max(at.last_arrival, now + wire_.draw_delay(numbers_));
    push_arrival(from, at.last_arrival);
  }
}

}  // namespace gregor::runtime::simulated
