// The simulated network: streams with splits and full windows, refusals, resets, half-open
// connections, stalled links.
#include <gtest/gtest.h>
#include <algorithm>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "runtime/shard.h"
#include "runtime/simulated/test_support.h"

namespace gregor::runtime::simulated {
namespace {

constexpr std::uint16_t port = 9092;
const SocketAddress server_address{"server", port};

Task<Result<std::string>> read_exactly(Stream* stream, std::size_t size) {
  std::string text(size, '?');
  for (std::size_t done = 0; done < size;) {
    const ByteSpan rest(reinterpret_cast<std::byte*>(text.data()) + done, size - done);
    const auto got = co_await stream->read_some(rest);
    if (!got) co_return fail(got.error());
    if (*got == 0) co_return text.substr(0, done);
    done += *got;
  }
  co_return text;
}

Task<Result<void>> write_text(Stream* stream, std::string text) {
  const ByteView bytes = as_bytes(text);
  const std::span<const ByteView> parts(&bytes, 1);
  co_return co_await stream->write(parts);
}

Task<void> write_and_ignore(Stream* stream) {
  const auto written = co_await write_text(stream, "late");
  EXPECT_FALSE(written);
}

/// Two machines; the server accepts on shard 0 and serves on shard 1.
class NetworkTest : public ::testing::Test {
 protected:
  explicit NetworkTest(const WorldOptions& options = {}) : world_(options) {
    server_ = &world_.add_node("server");
    client_ = &world_.add_node("client");
    server_->boot(2);
    client_->boot(1);
  }
  ~NetworkTest() override { forget(); }

  void forget() {
    client_side_.reset();
    server_side_.reset();
    socket_.reset();
    listener_.reset();
  }

  static Task<void> accept_one(NetworkTest* self) {
    auto socket = co_await self->listener_->accept();
    if (!socket) {
      self->accept_error_ = socket.error().os_error;
      co_return;
    }
    self->socket_ = std::move(*socket);
    Shard& home = self->server_->shard(1);
    home.post([self, &home] {
      auto stream = home.network().adopt(std::move(self->socket_));
      EXPECT_TRUE(stream);
      self->server_side_ = std::move(*stream);
    });
  }

  void listen() {
    auto listener = server_->shard(0).network().listen({"0.0.0.0", port});
    ASSERT_TRUE(listener) << listener.error().detail;
    listener_ = std::move(*listener);
    server_->shard(0).post([this] { server_->shard(0).message_tasks().spawn(accept_one(this)); });
  }
  /// @return 0 or the errno.
  int connect(Duration limit = 1s) {
    Shard& shard = client_->shard(0);
    auto stream =
        world_.run_task(shard, shard.network().connect(server_address, world_.now() + limit));
    if (!stream) return -1;
    if (!*stream) return stream->error().os_error;
    client_side_ = std::move(**stream);
    return 0;
  }
  void establish() {
    listen();
    ASSERT_EQ(connect(), 0);
    world_.run_for(100ms);
    ASSERT_NE(server_side_, nullptr);
  }
  void start(Shard& shard, Task<void> task) {
    shard.post([&shard, kept = std::move(task)]() mutable {
      shard.message_tasks().spawn(std::move(kept));
    });
  }
  Shard& server_shard() { return server_->shard(1); }
  Shard& client_shard() { return client_->shard(0); }
  /// "text" or "(errno)".
  std::string read(Shard& shard, Stream& stream, std::size_t size) {
    const auto result = world_.run_task(shard, read_exactly(&stream, size), 10s);
    if (!result) return "(waits)";
    return *result ? **result : "(" + std::to_string(result->error().os_error) + ")";
  }
  int write(Shard& shard, Stream& stream, std::string text) {
    const auto result = world_.run_task(shard, write_text(&stream, std::move(text)), 10s);
    if (!result) return -1;
    return *result ? 0 : result->error().os_error;
  }

  World world_;
  Node* server_;
  Node* client_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<AcceptedSocket> socket_;
  std::unique_ptr<Stream> client_side_;
  std::unique_ptr<Stream> server_side_;
  int accept_error_ = 0;
};

TEST_F(NetworkTest, BytesAndTheEndGoBothWays) {
  establish();
  EXPECT_EQ(client_side_->peer().host, "server");
  EXPECT_EQ(client_side_->peer().port, port);
  EXPECT_EQ(server_side_->peer().host, "client");
  EXPECT_EQ(write(client_shard(), *client_side_, "question"), 0);
  EXPECT_EQ(read(server_shard(), *server_side_, 8), "question");
  EXPECT_EQ(write(server_shard(), *server_side_, "answer"), 0);
  server_side_.reset();
  EXPECT_EQ(read(client_shard(), *client_side_, 100), "answer");  // then the end
  EXPECT_EQ(read(client_shard(), *client_side_, 100), "");
  client_side_.reset();
  world_.run_for(1s);
  EXPECT_EQ(world_.wire().connection_count(), 0U);
}

TEST_F(NetworkTest, DataTakesTheDelay) {
  establish();
  const Instant before = world_.now();
  EXPECT_EQ(write(client_shard(), *client_side_, "x"), 0);
  EXPECT_EQ(read(server_shard(), *server_side_, 1), "x");
  EXPECT_EQ(world_.now() - before, 100us);
}

TEST_F(NetworkTest, RefusalsAndDeadlines) {
  EXPECT_EQ(connect(), ECONNREFUSED);
  auto stream = world_.run_task(client_shard(),
                                client_shard().network().connect({"nobody", 1}, world_.now() + 1s));
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->error().os_error, EHOSTUNREACH);
  listen();
  EXPECT_EQ(server_->shard(1).network().listen({"", port}).error().os_error, EADDRINUSE);
  EXPECT_EQ(server_->shard(1).network().listen({"other", port}).error().os_error, EADDRNOTAVAIL);
  world_.wire().stall(client_->number(), server_->number());
  const Instant before = world_.now();
  EXPECT_EQ(connect(3s), ETIMEDOUT);
  EXPECT_EQ(world_.now() - before, 3s);
  world_.wire().resume(client_->number(), server_->number());
  EXPECT_EQ(connect(), 0);
  auto any = server_->shard(0).network().listen({"localhost", 0});
  ASSERT_TRUE(any);
  EXPECT_GE((*any)->local().port, 32768);
}

TEST_F(NetworkTest, AConnectThatCameTooLateIsReset) {
  listen();
  EXPECT_EQ(connect(150us), ETIMEDOUT);  // less than there and back
  ASSERT_NE(server_side_, nullptr);
  EXPECT_EQ(read(server_shard(), *server_side_, 1), "(" + std::to_string(ECONNRESET) + ")");
}

TEST_F(NetworkTest, ClosingAListenerFailsItsAcceptAndResetsItsQueue) {
  listen();
  world_.run_for(1ms);
  server_->shard(0).post([this] {
    listener_->close();
    EXPECT_EQ(accept_error_, 0);  // not from within close()
  });
  world_.run_for(1ms);
  EXPECT_EQ(accept_error_, ECANCELED);
  EXPECT_EQ(connect(), ECONNREFUSED);
}

TEST_F(NetworkTest, ClosingAStreamFailsWhatWaitsOnIt) {
  establish();
  std::string seen;
  struct Reader {
    static Task<void> run(Stream* stream, std::string* text) {
      const auto got = co_await read_exactly(stream, 1);
      *text = got ? "bytes" : std::to_string(got.error().os_error);
    }
  };
  start(client_shard(), Reader::run(client_side_.get(), &seen));
  world_.run_for(1ms);
  client_shard().post([&] {
    client_side_->close();
    EXPECT_EQ(seen, "");
  });
  world_.run_for(1ms);
  EXPECT_EQ(seen, std::to_string(ECANCELED));
  EXPECT_EQ(write(client_shard(), *client_side_, "x"), ECANCELED);
}

TEST_F(NetworkTest, AFullWindowHoldsTheWriter) {
  establish();
  const std::string much(1'000'000, 'm');
  EXPECT_EQ(write(client_shard(), *client_side_, std::string(256 * 1024, 'w')), 0);
  bool written = false;
  struct Writer {
    static Task<void> run(Stream* stream, std::string text, bool* done) {
      const auto result = co_await write_text(stream, std::move(text));
      EXPECT_TRUE(result);
      *done = true;
    }
  };
  start(client_shard(), Writer::run(client_side_.get(), much, &written));
  world_.run_for(1s);
  EXPECT_FALSE(written);
  EXPECT_EQ(read(server_shard(), *server_side_, 256 * 1024), std::string(256 * 1024, 'w'));
  EXPECT_EQ(read(server_shard(), *server_side_, much.size()), much);
  EXPECT_TRUE(written);
}

TEST_F(NetworkTest, SendFileAndAFileThatIsTooShort) {
  establish();
  put_durable(server_->file_system(), "/f", std::string(100'000, 'f') + "end");
  const auto file = open_file(server_->file_system(), "/f", OpenMode::read);
  const auto sent = world_.run_task(server_shard(), server_side_->send_file(*file, 1, 100'002));
  ASSERT_TRUE(sent && *sent);
  EXPECT_TRUE(server_side_->can_send_file());
  EXPECT_EQ(read(client_shard(), *client_side_, 100'002), std::string(99'999, 'f') + "end");
  const auto short_one =
      world_.run_task(server_shard(), server_side_->send_file(*file, 100'000, 10));
  ASSERT_TRUE(short_one && !*short_one);
  EXPECT_EQ(short_one->error().code, ErrorCode::kafka_storage_error);
}

TEST_F(NetworkTest, WhoClosesWithUnreadBytesResets) {
  establish();
  EXPECT_EQ(write(client_shard(), *client_side_, "unread"), 0);
  world_.run_for(1ms);
  server_side_.reset();
  EXPECT_EQ(read(client_shard(), *client_side_, 1), "(" + std::to_string(ECONNRESET) + ")");
}

TEST_F(NetworkTest, WritingToAClosedPeerIsAnsweredWithAReset) {
  establish();
  server_side_.reset();
  EXPECT_EQ(read(client_shard(), *client_side_, 1), "");
  EXPECT_EQ(write(client_shard(), *client_side_, "x"), 0);
  world_.run_for(1ms);
  EXPECT_EQ(write(client_shard(), *client_side_, "x"), ECONNRESET);
}

TEST_F(NetworkTest, InjectedReset) {
  establish();
  world_.wire().reset_connections(server_->number(), client_->number());
  EXPECT_EQ(read(client_shard(), *client_side_, 1), "(" + std::to_string(ECONNRESET) + ")");
  EXPECT_EQ(read(server_shard(), *server_side_, 1), "(" + std::to_string(ECONNRESET) + ")");
}

TEST_F(NetworkTest, AStalledLinkHoldsBytesInOrder) {
  establish();
  world_.wire().stall(client_->number(), server_->number());
  EXPECT_EQ(write(client_shard(), *client_side_, "one "), 0);
  EXPECT_EQ(write(client_shard(), *client_side_, "two"), 0);
  EXPECT_EQ(write(server_shard(), *server_side_, "other way"), 0);
  EXPECT_EQ(read(client_shard(), *client_side_, 9), "other way");
  world_.run_for(10s);
  world_.wire().resume(client_->number(), server_->number());
  EXPECT_EQ(read(server_shard(), *server_side_, 7), "one two");
}

TEST_F(NetworkTest, ACrashResetsPeersAndRefusesUntilTheNextListen) {
  establish();
  server_->crash(CrashKind::kill);
  const Instant before = world_.now();
  EXPECT_EQ(read(client_shard(), *client_side_, 1), "(" + std::to_string(ECONNRESET) + ")");
  EXPECT_EQ(world_.now() - before, 100us);
  EXPECT_EQ(connect(), ECONNREFUSED);
  forget();
  server_->destroy_shards();
  server_->boot(2);
  EXPECT_EQ(connect(), ECONNREFUSED);
  establish();
  EXPECT_EQ(write(client_shard(), *client_side_, "again"), 0);
  EXPECT_EQ(read(server_shard(), *server_side_, 5), "again");
}

TEST_F(NetworkTest, NoByteLeavesAfterTheCrash) {
  establish();
  server_shard().post([this] {
    server_->crash(CrashKind::power);
    server_->shard(1).message_tasks().spawn(write_and_ignore(server_side_.get()));
  });
  EXPECT_EQ(read(client_shard(), *client_side_, 4), "(" + std::to_string(ECONNRESET) + ")");
}

class HalfOpenTest : public NetworkTest {
 protected:
  static WorldOptions options() {
    WorldOptions options;
    options.half_open_probability = 1;
    return options;
  }
  HalfOpenTest() : NetworkTest(options()) {}
};

TEST_F(HalfOpenTest, OnlyTheRebootedHostTellsThatTheConnectionIsGone) {
  establish();
  server_->crash(CrashKind::power);
  EXPECT_EQ(read(client_shard(), *client_side_, 1), "(waits)");
  EXPECT_EQ(write(client_shard(), *client_side_, "x"), 0);
  world_.run_for(1min);
  EXPECT_EQ(write(client_shard(), *client_side_, "x"), 0);
  server_side_.reset();
  listener_.reset();
  server_->destroy_shards();
  server_->boot(2);
  EXPECT_EQ(write(client_shard(), *client_side_, "x"), 0);
  world_.run_for(1ms);
  EXPECT_EQ(write(client_shard(), *client_side_, "x"), ECONNRESET);
}

/// Everything that the network may do short of losing connections.
class RoughNetworkTest : public NetworkTest, public ::testing::WithParamInterface<std::uint64_t> {
 protected:
  static WorldOptions options() {
    WorldOptions options;
    options.seed = GetParam();
    options.network_delay = {10us, 5ms};
    options.mailbox_delay = {0us, 20us};
    options.split_probability = 0.6;
    options.suspend_probability = 0.3;
    options.window_bytes = 1000;
    return options;
  }
  RoughNetworkTest() : NetworkTest(options()) {}

  static Task<void> echo(Stream* stream) {
    std::vector<std::byte> buffer(300);
    for (;;) {
      const auto got = co_await stream->read_some(buffer);
      if (!got || *got == 0) co_return;
      const ByteView bytes = ByteView(buffer).first(*got);
      const std::span<const ByteView> parts(&bytes, 1);
      const auto written = co_await stream->write(parts);
      EXPECT_TRUE(written);
    }
  }
  static Task<void> send(Stream* stream, const std::string* text) {
    for (std::size_t at = 0; at < text->size();) {
      const std::size_t size = std::min<std::size_t>(text->size() - at, 1 + at % 700);
      const ByteView whole = as_bytes(*text).subspan(at, size);
      const std::vector<ByteView> parts = {whole.first(size / 2), whole.subspan(size / 2)};
      const auto written = co_await stream->write(parts);
      EXPECT_TRUE(written);
      at += size;
    }
  }
};

TEST_P(RoughNetworkTest, EchoKeepsEveryByteInOrder) {
  establish();
  std::string text;
  for (int i = 0; text.size() < 20'000; ++i) text += std::to_string(i) + ",";
  start(server_shard(), echo(server_side_.get()));
  start(client_shard(), send(client_side_.get(), &text));
  const auto back =
      world_.run_task(client_shard(), read_exactly(client_side_.get(), text.size()), 10min);
  ASSERT_TRUE(back && *back);
  EXPECT_EQ(**back, text);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RoughNetworkTest, ::testing::Range<std::uint64_t>(1, 11));

}  // namespace
}  // namespace gregor::runtime::simulated
