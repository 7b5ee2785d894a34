// Connections over loopback: framing, order of answers, limits, what ends a connection.
#include "broker/connection.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>

#include "runtime/real/real_runtime.h"

namespace gregor::broker {
namespace {

using namespace std::chrono_literals;

// A client that speaks raw bytes, blocking.
class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    timeval limit{5, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  ~Client() { ::close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void send(const std::string& bytes) const {
    EXPECT_EQ(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  [[nodiscard]] std::string receive(std::size_t size) const {
    std::string out(size, '\0');
    const ssize_t got = ::recv(socket_, out.data(), size, MSG_WAITALL);
    out.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return out;
  }
  [[nodiscard]] bool is_closed() const { return receive(1).empty(); }

 private:
  int socket_;
};

std::string frame(const std::string& body) {
  std::string out(4, '\0');
  store_be(reinterpret_cast<std::byte*>(out.data()), static_cast<std::int32_t>(body.size()));
  return out + body;
}

// "sleep" answers late, "quit" closes, "mute" says nothing, everything else comes back as it is.
runtime::Task<Outcome> echo(runtime::Shard& shard, FrameBuffer& asked) {
  const std::string text(as_text(std::as_const(asked).bytes()));
  if (text == "quit") co_return CloseConnection{"asked to"};
  if (text == "mute") co_return NoResponse{};
  if (text == "big") co_return ResponseFrame{std::vector<std::byte>(32 << 20), {}};
  if (text == "sleep") co_await runtime::sleep_until(shard, shard.clock().now() + 50ms);
  const std::string whole = frame(text);
  const ByteView bytes = as_bytes(whole);
  co_return ResponseFrame{{bytes.begin(), bytes.end()}, {}};
}

// One shard that serves exactly one connection with the echo handler.
class ConnectionTest : public ::testing::Test {
 protected:
  ConnectionTest() : machine_({.shard_count = 1, .io_threads = 1}), budget_(shard(), 1 << 20) {
    limits_.idle_max = 10s;
    limits_.stall_max = 10s;
    limits_.frame_bytes_max = 4 << 20;
    limits_.pipelined_max = 4;
    machine_.start();
    machine_.run([this] { return listen(); });
  }
  ~ConnectionTest() override {
    machine_.run([this] { return end(); });
    machine_.stop();
  }
  runtime::Shard& shard() { return machine_.shard(runtime::ShardId(0)); }
  [[nodiscard]] std::uint16_t port() const { return listener_->local().port; }

  runtime::Task<void> listen() {
    auto made = shard().network().listen({"127.0.0.1", 0});
    EXPECT_TRUE(made.has_value());
    listener_ = std::move(*made);
    tasks_.spawn(serve_one());
    co_return;
  }
  runtime::Task<void> serve_one() {
    auto socket = co_await listener_->accept();
    if (!socket) co_return;
    auto stream = shard().network().adopt(std::move(*socket));
    ConnectionInfo info;
    info.listener = "PLAINTEXT";
    connection_ = std::make_unique<Connection>(shard(), std::move(*stream), info, limits_, budget_);
    handler_ = [this](const ConnectionInfo&, FrameBuffer& asked) { return echo(shard(), asked); };
    co_await connection_->serve(handler_);
  }
  runtime::Task<void> end() {
    listener_->close();
    if (connection_) connection_->abort();
    co_await tasks_.join();
    connection_.reset();
    listener_.reset();
  }
  runtime::Task<void> check_at(runtime::Duration ahead) {
    connection_->check_time(shard().clock().now() + ahead);
    co_return;
  }

  runtime::real::RealRuntime machine_;
  ConnectionLimits limits_;
  FrameBudget budget_;
  std::unique_ptr<runtime::Listener> listener_;
  std::unique_ptr<Connection> connection_;
  FrameHandler handler_;
  runtime::TaskGroup tasks_;
};

TEST_F(ConnectionTest, AnswersComeInTheOrderOfTheRequests) {
  const Client client(port());
  client.send(frame("sleep") + frame("b") + frame("mute") + frame("c"));
  EXPECT_EQ(client.receive(9), frame("sleep"));
  EXPECT_EQ(client.receive(10), frame("b") + frame("c"));
}

TEST_F(ConnectionTest, MoreRequestsThanThePipelineHoldsAreAllAnswered) {
  const Client client(port());
  std::string sent;
  for (int i = 0; i < 50; ++i) sent += frame(i % 7 == 0 ? "sleep" : "quick");
  client.send(sent);
  EXPECT_EQ(client.receive(sent.size()), sent);
}

TEST_F(ConnectionTest, AFrameCutAtEveryByteIsWhole) {
  const Client client(port());
  for (const char c : frame("pieces")) {
    client.send(std::string(1, c));
    ::usleep(1000);
  }
  EXPECT_EQ(client.receive(10), frame("pieces"));
}

TEST_F(ConnectionTest, AFrameAboveTheWholeBudgetIsAdmittedAlone) {
  const Client client(port());
  const std::string large(3 << 20, 'x');
  client.send(frame(large));
  EXPECT_EQ(client.receive(large.size() + 4), frame(large));
}

TEST_F(ConnectionTest, ABadSizeClosesAfterTheEarlierAnswers) {
  const Client client(port());
  client.send(frame("sleep") + frame("b") + std::string("\xff\xff\xff\xff", 4));
  EXPECT_EQ(client.receive(14), frame("sleep") + frame("b"));
  EXPECT_TRUE(client.is_closed());
}

TEST_F(ConnectionTest, SizeZeroCloses) {
  const Client client(port());
  client.send(std::string(4, '\0'));
  EXPECT_TRUE(client.is_closed());
}

TEST_F(ConnectionTest, AHandlerMayCloseAfterTheEarlierAnswers) {
  const Client client(port());
  client.send(frame("sleep") + frame("quit") + frame("never"));
  EXPECT_EQ(client.receive(9), frame("sleep"));
  EXPECT_TRUE(client.is_closed());
}

TEST_F(ConnectionTest, HttpGetsAHint) {
  const Client client(port());
  client.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(client.receive(12), "HTTP/1.1 400");
}

TEST_F(ConnectionTest, AnIdleConnectionIsClosed) {
  const Client client(port());
  client.send(frame("a"));
  EXPECT_EQ(client.receive(5), frame("a"));
  machine_.run([this] { return check_at(9s); });
  client.send(frame("b"));
  EXPECT_EQ(client.receive(5), frame("b"));
  machine_.run([this] { return check_at(11s); });
  EXPECT_TRUE(client.is_closed());
}

TEST_F(ConnectionTest, AStalledFrameIsClosed) {
  const Client client(port());
  client.send(frame("a"));
  EXPECT_EQ(client.receive(5), frame("a"));
  client.send(frame("half").substr(0, 6));
  ::usleep(50000);
  machine_.run([this] { return check_at(9s); });
  machine_.run([this] { return check_at(11s); });
  EXPECT_TRUE(client.is_closed());
}

// A million bytes at 8 KiB/s would be two minutes: silence ends it all the same.
TEST_F(ConnectionTest, AStalledFrameIsClosedHoweverMuchOfItHasCome) {
  const Client client(port());
  client.send(frame(std::string(1 << 20, 'x')).substr(0, 1000000));
  ::usleep(200000);
  machine_.run([this] { return check_at(9s); });
  machine_.run([this] { return check_at(11s); });
  EXPECT_TRUE(client.is_closed());
}

// "big" is answered with 32 MiB from memory. A reader that takes a little of it within the stall
// time has made progress.
TEST_F(ConnectionTest, ASlowReaderOfALargeAnswerMakesProgress) {
  const Client client(port());
  client.send(frame("big"));
  std::size_t received = 0;
  for (int i = 0; i < 8; ++i) {
    ::usleep(200000);
    received += client.receive(4 << 20).size();
    machine_.run([this] { return check_at(9s); });
  }
  EXPECT_EQ(received, 32U << 20);
}

TEST_F(ConnectionTest, AReaderThatTakesNothingIsClosed) {
  const Client client(port());
  client.send(frame("big"));
  EXPECT_EQ(client.receive(4).size(), 4U);
  ::usleep(100000);
  machine_.run([this] { return check_at(11s); });
  EXPECT_LT(client.receive(33 << 20).size(), 33U << 20);
}

}  // namespace
}  // namespace gregor::broker
