// The server in the simulator: keep-alive, refusals, time limits, too many connections, stopping.
#include "http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "runtime/simulated/world.h"

namespace gregor::http {
namespace {

using namespace std::chrono_literals;
using runtime::Task;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string hello = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";

struct Peer {
  std::unique_ptr<runtime::Stream> stream;
  std::string received;
  bool is_closed = false;
};

Task<void> receive_all(Peer* peer) {
  std::array<std::byte, 8192> room;
  while (true) {
    const ByteSpan span(room);
    const auto got = co_await peer->stream->read_some(span);
    if (!got || *got == 0) break;
    peer->received += as_text(ByteView(room).first(*got));
  }
  peer->is_closed = true;
}

Task<void> send_bytes(Peer* peer, std::string bytes) {
  const ByteView view = as_bytes(bytes);
  const auto sent = co_await peer->stream->write(std::span<const ByteView>(&view, 1));
  if (!sent) peer->is_closed = true;
}

class ServerTest : public testing::Test {
 protected:
  ServerTest()
      : server_node_(&world_.add_node("server")), client_node_(&world_.add_node("client")) {
    server_node_->boot(1);
    client_node_->boot(1);
    limits_.connections_max = 4;
    limits_.connection.request_max = 10s;
    limits_.connection.idle_max = 60s;
  }
  ~ServerTest() override {
    for (auto& peer : peers_) peer->stream->close();
    if (server_) {
      EXPECT_TRUE(world_.run_task(shard(), server_->stop(world_.now() + 1s)));
      EXPECT_EQ(server_->connections(), 0U);
    }
    world_.run_for(1s);
  }

  runtime::Shard& shard() { return server_node_->shard(0); }
  runtime::Shard& client() { return client_node_->shard(0); }

  Task<Response> answer(const Request& request) {
    if (slow_) co_await runtime::sleep_until(shard(), shard().clock().now() + 3s);
    Response response;
    response.body = request.path == "/large" ? std::string(5 << 20, 'x') : request.path;
    co_return response;
  }
  static Task<void> start_server(Server* server) {
    server->start();
    co_return;
  }
  void serve() {
    server_ = std::make_unique<Server>(shard(), limits_,
                                       [this](const Request& request) { return answer(request); });
    const auto bound = server_->bind({{.name = "HTTP", .host = "0.0.0.0", .port = 9080}});
    ASSERT_TRUE(bound) << bound.error().detail;
    EXPECT_EQ(bound->front().port, 9080);
    EXPECT_TRUE(world_.run_task(shard(), start_server(server_.get())));
  }
  Peer& connect(bool reads = true) {
    auto stream =
        world_.run_task(client(), client().network().connect({"server", 9080}, world_.now() + 1s));
    EXPECT_TRUE(stream && *stream);
    auto& peer = *peers_.emplace_back(std::make_unique<Peer>());
    peer.stream = std::move(**stream);
    if (reads) start(receive_all(&peer));
    world_.run_for(10ms);
    return peer;
  }
  void start(Task<void> task) {
    client().post([this, kept = std::move(task)]() mutable {
      client().message_tasks().spawn(std::move(kept));
    });
  }
  void send(Peer& peer, std::string bytes) {
    start(send_bytes(&peer, std::move(bytes)));
    world_.run_for(100ms);
  }

  runtime::simulated::World world_;
  runtime::simulated::Node* server_node_;
  runtime::simulated::Node* client_node_;
  ServerLimits limits_;
  bool slow_ = false;
  std::unique_ptr<Server> server_;
  std::vector<std::unique_ptr<Peer>> peers_;
};

TEST_F(ServerTest, AnswersOneRequestAfterTheOther) {
  serve();
  Peer& peer = connect();
  send(peer, hello);
  EXPECT_THAT(peer.received, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(peer.received, HasSubstr("Content-Length: 6\r\nConnection: keep-alive\r\n"));
  EXPECT_THAT(peer.received, testing::EndsWith("\r\n\r\n/hello"));
  peer.received.clear();
  std::string many;
  for (int i = 0; i < 100; ++i)
    many += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  send(peer, many);
  world_.run_for(1s);
  EXPECT_THAT(peer.received, testing::EndsWith("\r\n\r\n/99"));
  EXPECT_EQ(server_->answers().at(200), 101U);
  EXPECT_FALSE(peer.is_closed);
}

TEST_F(ServerTest, HeadHasNoBodyAndCloseIsObeyed) {
  serve();
  Peer& peer = connect();
  send(peer, "HEAD /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(peer.received, HasSubstr("Content-Length: 6\r\nConnection: close\r\n"));
  EXPECT_THAT(peer.received, testing::EndsWith("\r\n\r\n"));
  EXPECT_TRUE(peer.is_closed);
}

TEST_F(ServerTest, ARefusalIsSentBeforeTheConnectionCloses) {
  serve();
  Peer& peer = connect();
  send(peer, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999\r\n\r\n" +
                 std::string(300'000, 'x'));
  EXPECT_THAT(peer.received, StartsWith("HTTP/1.1 413 "));
  world_.run_for(2s);
  EXPECT_TRUE(peer.is_closed);
  Peer& other = connect();
  send(other, "BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(other.received, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
  EXPECT_THAT(other.received, HasSubstr("Allow: GET, HEAD\r\n"));
}

TEST_F(ServerTest, SlowHeadsAndSilenceEndWithTheirTimeLimit) {
  serve();
  Peer& silent = connect();
  Peer& slow = connect();
  for (int i = 0; i < 3; ++i) {
    send(slow, "G");
    world_.run_for(3s);
  }
  EXPECT_FALSE(silent.is_closed);
  EXPECT_FALSE(slow.is_closed);
  send(slow, "G");
  world_.run_for(1s);
  EXPECT_TRUE(silent.is_closed);
  EXPECT_TRUE(slow.is_closed);  // its bytes did not extend the limit
  EXPECT_EQ(slow.received, "");

  Peer& idle = connect();
  send(idle, hello);
  world_.run_for(55s);
  EXPECT_FALSE(idle.is_closed);
  send(idle, "GET");
  world_.run_for(9s);
  EXPECT_FALSE(idle.is_closed);
  world_.run_for(2s);
  EXPECT_TRUE(idle.is_closed);
}

TEST_F(ServerTest, AReaderThatTakesNothingIsClosed) {
  serve();
  Peer& peer = connect(false);
  send(peer, "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n");
  world_.run_for(9s);
  EXPECT_EQ(server_->connections(), 1U);
  world_.run_for(2s);
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(ServerTest, TheOneThatHasWaitedLongestMakesRoom) {
  serve();
  std::vector<Peer*> holders;
  for (int i = 0; i < 4; ++i) {
    holders.push_back(&connect());
    send(*holders.back(), "GET /slow");
  }
  Peer& fifth = connect();
  send(fifth, hello);
  EXPECT_THAT(fifth.received, StartsWith("HTTP/1.1 200 "));
  EXPECT_TRUE(holders[0]->is_closed);
  EXPECT_FALSE(holders[1]->is_closed);
  EXPECT_EQ(server_->connections(), 4U);
}

TEST_F(ServerTest, WithAnswersUnderWayEverywhereTheNewOneGoes) {
  slow_ = true;
  serve();
  std::vector<Peer*> holders;
  for (int i = 0; i < 4; ++i) {
    holders.push_back(&connect());
    send(*holders.back(), hello);
  }
  Peer& fifth = connect();
  EXPECT_TRUE(fifth.is_closed);
  world_.run_for(4s);
  for (Peer* holder : holders) EXPECT_THAT(holder->received, StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, AnswersInMemoryAreBounded) {
  limits_.answer_bytes_max = 1 << 20;
  serve();
  Peer& first = connect(false);
  send(first, "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n");
  Peer& second = connect();
  send(second, hello);
  EXPECT_THAT(second.received, StartsWith("HTTP/1.1 503 "));
  world_.run_for(11s);  // the first one is closed
  send(second, hello);
  EXPECT_THAT(second.received, HasSubstr("/hello"));
}

TEST_F(ServerTest, OnlyOnLoopbackTheNameCounts) {
  serve();  // on all interfaces
  Peer& peer = connect();
  send(peer, "GET /a HTTP/1.1\r\nHost: broker.example\r\n\r\n");
  EXPECT_THAT(peer.received, StartsWith("HTTP/1.1 200 "));
  send(peer, "GET /b HTTP/1.1\r\nHost: broker.example\r\nOrigin: http://evil.example\r\n\r\n");
  EXPECT_THAT(peer.received, HasSubstr("HTTP/1.1 403 "));
  EXPECT_THAT(peer.received, Not(HasSubstr("Access-Control")));
}

TEST_F(ServerTest, StopLetsAnswersEnd) {
  slow_ = true;
  serve();
  Peer& busy = connect();
  Peer& idle = connect();
  send(busy, hello);
  EXPECT_TRUE(world_.run_task(shard(), server_->stop(world_.now() + 5s)));
  world_.run_for(10ms);
  EXPECT_THAT(busy.received, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(busy.received, HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(idle.received, "");
  EXPECT_TRUE(idle.is_closed);
  server_.reset();
}

}  // namespace
}  // namespace gregor::http
