// Fuzz target (libFuzzer): connections of a simulated network that share a small frame budget. The
// input chooses what arrives, in which pieces, when time passes, and who closes. Beyond "no crash":
// the handler sees exactly the frames that were sent, the answers come back in their order, memory
// of large frames stays within the budget, every connection ends and all is given back.
//
// Input: one byte of options, then steps: connection and kind, an argument, maybe bytes.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/log.h"
#include "broker/connection.h"
#include "runtime/simulated/world.h"

namespace gregor::broker {
namespace {

using namespace std::chrono_literals;
namespace sim = runtime::simulated;

constexpr std::size_t steps_max = 200;
constexpr std::size_t sent_bytes_max = 3 << 20;
constexpr std::size_t connection_count = 2;
constexpr std::size_t budget_bytes = 256 * 1024;
constexpr std::size_t frame_bytes_max = 512 * 1024;
constexpr std::size_t handled_at_once_max = 3;
constexpr std::uint16_t port = 9092;

/// What is known of one connection, from both ends.
struct Peer {
  std::string sent;               ///< by the client
  std::size_t cut = 0;            ///< of it, in frames that the handler has seen
  std::string expected;           ///< answers, in order
  std::string received;           ///< by the client
  std::size_t handling = 0;       ///< requests that the handler works on
  std::size_t handled_bytes = 0;  ///< of their frames, without the small ones

  bool has_ended = false;
  bool writes = false;
  bool reads = true;  ///< the client takes what comes
  std::unique_ptr<runtime::Stream> client;
  std::unique_ptr<Connection> server;
  FrameHandler handler;
};

std::string make_frame(std::string_view body) {
  std::string out(4, '\0');
  store_be(reinterpret_cast<std::byte*>(out.data()), static_cast<std::int32_t>(body.size()));
  return out + std::string(body);
}

void check_frame(Peer& peer, ByteView frame) {
  const std::string whole = make_frame(as_text(frame));
  GREGOR_ASSERT(peer.sent.compare(peer.cut, whole.size(), whole) == 0);
  peer.cut += whole.size();
}

/// The first byte of a frame says what becomes of it.
runtime::Task<Outcome> answer(runtime::Shard& shard, Peer& peer, FrameBuffer& frame) {
  check_frame(peer, std::as_const(frame).bytes());
  GREGOR_ASSERT(++peer.handling <= handled_at_once_max);
  const std::size_t bytes = frame.size() > FrameBudget::small_frame_bytes ? frame.size() : 0;
  peer.handled_bytes += bytes;
  const auto kind = static_cast<std::uint8_t>(frame.bytes().front()) % 16;
  const std::size_t answer_bytes = kind == 4 ? 600 * 1024 : std::min<std::size_t>(8, frame.size());
  const std::string text(answer_bytes, static_cast<char>('a' + peer.cut % 23));
  const std::string whole = make_frame(text);
  if (kind != 1 && kind != 2) peer.expected += whole;
  if (kind == 3) co_await runtime::sleep_until(shard, shard.clock().now() + 50ms);
  --peer.handling;
  peer.handled_bytes -= bytes;
  if (kind == 1) co_return NoResponse{};
  if (kind == 2) co_return CloseConnection{"asked to"};
  const ByteView out = as_bytes(whole);
  co_return ResponseFrame{{out.begin(), out.end()}, {}};
}

runtime::Task<void> serve(Peer* peer) {
  co_await peer->server->serve(peer->handler);
  peer->has_ended = true;
}

runtime::Task<void> write_all(Peer* peer, std::string bytes) {
  const ByteView part = as_bytes(bytes);
  peer->writes = true;
  const auto written = co_await peer->client->write(std::span<const ByteView>(&part, 1));
  peer->writes = false;
  if (!written) peer->client->close();
}

runtime::Task<void> read_all(runtime::Shard* shard, Peer* peer) {
  std::vector<std::byte> buffer(64 * 1024);
  for (;;) {
    while (!peer->reads) co_await runtime::sleep_until(*shard, shard->clock().now() + 10ms);
    const auto got = co_await peer->client->read_some(buffer);
    if (!got || *got == 0) co_return;
    peer->received += as_text(ByteView(buffer).first(*got));
  }
}

class Storm {
 public:
  explicit Storm(std::uint8_t options)
      : world_(world_options(options)),
        broker_(world_.add_node("broker")),
        clients_(world_.add_node("clients")) {
    broker_.boot(1);
    clients_.boot(1);
    budget_ = std::make_unique<FrameBudget>(broker_.shard(0), budget_bytes);
    limits_.frame_bytes_max = frame_bytes_max;
    limits_.pipelined_max = handled_at_once_max;
    limits_.idle_max = 10s;
    limits_.stall_max = 2s;
    connect();
  }
  Storm(const Storm&) = delete;
  Storm& operator=(const Storm&) = delete;
  ~Storm() {
    broker_.crash(sim::CrashKind::kill);
    clients_.crash(sim::CrashKind::kill);
    broker_.drop_work();
    clients_.drop_work();
    peers_ = {};
    listener_.reset();
    budget_.reset();
    broker_.destroy_shards();
    clients_.destroy_shards();
  }

  /// @return the bytes of the input that it took
  std::size_t step(ByteView input) {
    const auto head = static_cast<std::uint8_t>(input[0]);
    const std::size_t argument = input.size() > 1 ? static_cast<std::uint8_t>(input[1]) : 0;
    Peer& peer = peers_.at(head % connection_count);
    const ByteView rest = input.subspan(std::min<std::size_t>(2, input.size()));
    std::size_t taken = 2;
    switch (head / connection_count % 9) {
      case 0: {  // any bytes
        const ByteView bytes = rest.first(std::min(argument, rest.size()));
        taken += bytes.size();
        send(peer, std::string(as_text(bytes)));
        break;
      }
      case 1:  // a frame
        send(peer, make_frame(std::string(1 + argument, static_cast<char>(argument))));
        break;
      case 2:  // the start of a frame, large ones too
        send(peer, make_frame(std::string(argument * 2500 + 1, '\0')).substr(0, 5));
        break;
      case 3:  // filling
        send(peer, std::string(argument * 2500 + 1, static_cast<char>(argument)));
        break;
      case 4:
        world_.run_for(argument * 100us);
        break;
      case 5:
        world_.run_for(argument * 50ms);
        break;
      case 6:
        check_time();
        break;
      case 7:
        peer.reads = (argument & 1) != 0;
        break;
      default:
        end(peer, argument);
        break;
    }
    check();
    return taken;
  }

  /// The clients leave or fall silent. Every connection must end.
  void finish(bool clients_leave) {
    for (int second = 0; second < 60 && !all_ended(); ++second) {
      for (Peer& peer : peers_) {
        peer.reads = true;
        if (clients_leave && !peer.writes) peer.client->close();
      }
      check_time();
      world_.run_for(1s);
      check();
    }
    for (const Peer& peer : peers_) {
      GREGOR_ASSERT(peer.has_ended && peer.handling == 0);
    }
    GREGOR_ASSERT(budget_->used() == 0 && budget_->waiting() == 0);
  }

 private:
  static sim::WorldOptions world_options(std::uint8_t options) {
    sim::WorldOptions chosen;
    chosen.seed = options;
    if ((options & 1) != 0) chosen.split_probability = 0.3;
    if ((options & 2) != 0) chosen.suspend_probability = 0.3;
    if ((options & 4) != 0) chosen.reset_probability = 0.01;
    return chosen;
  }

  runtime::Shard& shard() { return broker_.shard(0); }

  [[nodiscard]] bool all_ended() const {
    return std::all_of(peers_.begin(), peers_.end(), [](const Peer& p) { return p.has_ended; });
  }

  void connect() {
    auto made = shard().network().listen({"0.0.0.0", port});
    GREGOR_ASSERT(made.has_value());
    listener_ = std::move(*made);
    runtime::Shard& client_shard = clients_.shard(0);
    for (Peer& peer : peers_) {
      auto task = client_shard.network().connect({"broker", port}, world_.now() + 1s);
      auto stream = world_.run_task(client_shard, std::move(task));
      GREGOR_ASSERT(stream.has_value() && stream->has_value());
      peer.client = std::move(**stream);
      auto socket = world_.run_task(shard(), listener_->accept());
      GREGOR_ASSERT(socket.has_value() && socket->has_value());
      auto adopted = shard().network().adopt(std::move(**socket));
      GREGOR_ASSERT(adopted.has_value());
      peer.server =
          std::make_unique<Connection>(shard(), std::move(*adopted), info_, limits_, *budget_);
      peer.handler = [this, &peer](const ConnectionInfo&, FrameBuffer& frame) {
        return answer(shard(), peer, frame);
      };
      start(shard(), serve(&peer));
      start(client_shard, read_all(&client_shard, &peer));
    }
  }

  static void start(runtime::Shard& on, runtime::Task<void> task) {
    on.post([&on, kept = std::move(task)]() mutable { on.message_tasks().spawn(std::move(kept)); });
  }

  void send(Peer& peer, std::string bytes) {
    if (peer.writes || bytes.empty() || peer.sent.size() + bytes.size() > sent_bytes_max) return;
    peer.sent += bytes;
    peer.writes = true;
    start(clients_.shard(0), write_all(&peer, std::move(bytes)));
  }

  void check_time() {
    shard().post([this] {
      for (Peer& peer : peers_) peer.server->check_time(shard().clock().now());
    });
  }

  void end(Peer& peer, std::size_t how) {
    if (how % 3 == 0) shard().post([&peer] { peer.server->stop(); });
    if (how % 3 == 1) shard().post([&peer] { peer.server->abort(); });
    if (how % 3 == 2 && !peer.writes) peer.client->close();
  }

  void check() {
    std::size_t handled = 0;
    for (const Peer& peer : peers_) {
      handled += peer.handled_bytes;
      // A hint for HTTP may be the last that comes.
      const std::size_t same = std::min(peer.received.size(), peer.expected.size());
      GREGOR_ASSERT(peer.received.compare(0, same, peer.expected, 0, same) == 0);
      GREGOR_ASSERT(same == peer.received.size() ||
                    peer.received.compare(same, 12, "HTTP/1.1 400") == 0);
    }
    GREGOR_ASSERT(handled <= budget_->used());
    GREGOR_ASSERT(budget_->used() <= std::max(budget_bytes, frame_bytes_max));
  }

  sim::World world_;
  sim::Node& broker_;
  sim::Node& clients_;
  ConnectionLimits limits_;
  ConnectionInfo info_;
  std::unique_ptr<FrameBudget> budget_;
  std::unique_ptr<runtime::Listener> listener_;
  std::array<Peer, connection_count> peers_;
};

void run(ByteView input) {
  if (input.empty()) return;
  const auto options = static_cast<std::uint8_t>(input.front());
  Storm storm(options);
  std::size_t at = 1;
  for (std::size_t i = 0; i < steps_max && at < input.size(); ++i) {
    at += storm.step(input.subspan(at));
  }
  storm.finish((options & 8) != 0);
}

}  // namespace
}  // namespace gregor::broker

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  gregor::log::set_level(gregor::log::Level::off);
  gregor::broker::run(gregor::ByteView(reinterpret_cast<const std::byte*>(data), size));
  return 0;
}
