// Connection: a simulated TCP connection: two ends, and the pieces under way between them.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "runtime/network.h"
#include "runtime/simulated/event_queue.h"
#include "runtime/simulated/prng.h"
#include "runtime/simulated/wait_slot.h"

namespace gregor::runtime::simulated {

class Wire;

/// Bytes that have arrived and wait for the reader.
class ByteFifo {
 public:
  [[nodiscard]] std::size_t size() const { return bytes_.size() - head_; }
  void append(ByteView bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  void take(ByteSpan out);
  void clear();

 private:
  std::vector<std::byte> bytes_;
  std::size_t head_ = 0;
};

/// What travels in one direction, in order.
struct Piece {
  enum class Kind : std::uint8_t { data, end, reset };
  Kind kind = Kind::data;
  std::vector<std::byte> bytes{};
};

enum class Side : std::uint8_t { client = 0, server = 1 };
[[nodiscard]] constexpr Side other(Side side) {
  return side == Side::client ? Side::server : Side::client;
}

/// One end of a connection, and what it has sent that has not arrived.
struct Endpoint {
  const Life* life = nullptr;
  std::uint32_t shard = no_shard;  ///< no_shard until it is adopted
  SocketAddress local;
  SocketAddress peer;
  bool closed = false;      ///< by its owner
  bool was_reset = false;   ///< by the peer or the network
  bool ended = false;       ///< the peer has closed in order; what came before may still be unread
  bool sent_end = false;    ///< no data follows
  bool sent_reset = false;  ///< nothing follows
  ByteFifo received;
  WaitSlot reader;
  WaitSlot writer;
  std::uint32_t operations = 0;

  std::deque<Piece> under_way;
  std::size_t bytes_under_way = 0;
  Instant last_arrival{};
  std::uint32_t held_arrivals = 0;  ///< pieces whose time came while the link was stalled
};

/// Thread: one. Owned by its streams, its queued sockets and the events that carry its pieces.
/// Invariant: pieces arrive in the order of sending; under_way holds as many as there are arrival
/// events, or fewer.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Wire& wire, std::uint64_t number);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  [[nodiscard]] Endpoint& end(Side side) { return ends_[static_cast<std::size_t>(side)]; }

  /// @return nothing if it has to wait in the reader slot.
  [[nodiscard]] std::optional<Result<std::size_t>> try_read(Side side, ByteSpan out);
  /// @return the bytes taken; 0 if it has to wait in the writer slot.
  [[nodiscard]] Result<std::size_t> try_write(Side side, ByteView bytes);
  /// True if an operation of this side has to go through the loop although it could go on; its slot
  /// is woken then.
  [[nodiscard]] bool yields(Side side, WaitSlot Endpoint::*slot);
  /// Closes one end; what waits there fails, by an event of its own.
  void close(Side side);
  /// Both ends learn that the connection is gone; `side` at once, the other one after the delay.
  void reset(Side side);
  /// The process at `side` has died: a part of what it sent is lost.
  void die(Side side, bool tell_peer);
  /// Delivers the next piece sent by `from`; called by its arrival event.
  void arrive(Side from);
  /// The link is no longer stalled.
  void resume_arrivals(Side from);

 private:
  void send(Side from, Piece piece);
  void push_arrival(Side from, Instant at);
  void send_end(Side from);
  void send_reset(Side from);
  void wake(Side side, WaitSlot Endpoint::*slot, Duration delay);
  void resume(Side side, WaitSlot Endpoint::*slot);
  void accept_piece(Side to, Piece piece);
  [[nodiscard]] Error failure(const char* what, const Endpoint& at, int os_error) const;
  /// @return 0, or why nothing can be done at this end.
  [[nodiscard]] static int refusal(const Endpoint& at);

  Wire& wire_;
  const std::uint64_t number_;
  Prng numbers_;
  std::array<Endpoint, 2> ends_;
};

}  // namespace gregor::runtime::simulated
