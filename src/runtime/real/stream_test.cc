// Streams and listeners over loopback.
#include <netinet/in.h>
#include <sys/socket.h>

#include <thread>

#include "runtime/real/test_support.h"

namespace gregor::runtime::real {
namespace {

class StreamTest : public RuntimeTest {};

Task<Result<void>> write_all(Stream& stream, ByteView bytes) {
  co_return co_await stream.write(std::span<const ByteView>(&bytes, 1));
}

Task<void> write_and_close(Stream& stream, ByteView bytes) {
  const auto written = co_await write_all(stream, bytes);
  EXPECT_TRUE(written.has_value());
  stream.close();
}

Task<std::vector<std::byte>> read_exactly(Stream& stream, std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::size_t have = 0;
  while (have < size) {
    const auto got = co_await stream.read_some(ByteSpan(bytes).subspan(have));
    EXPECT_TRUE(got.has_value());
    if (!got || *got == 0) break;
    have += *got;
  }
  bytes.resize(have);
  co_return bytes;
}

Task<void> read_and_compare(Stream& stream, ByteView expected) {
  const auto bytes = co_await read_exactly(stream, expected.size());
  EXPECT_TRUE(std::ranges::equal(bytes, expected));
}

Task<void> write_and_check(Stream& stream, std::span<const ByteView> parts) {
  const auto written = co_await stream.write(parts);
  EXPECT_TRUE(written.has_value());
}

Task<void> both_ways(Shard& shard, std::size_t size) {
  StreamPair pair = co_await connected_pair(shard);
  const auto bytes = pattern_bytes(size);
  std::vector<ByteView> parts;  // uneven, with empty ones between
  for (std::size_t at = 0, step = 0; at < size; at += step) {
    step = std::min(size - at, 1 + parts.size() * 7);
    parts.push_back(ByteView(bytes).subspan(at, step));
    parts.push_back({});
  }
  TaskGroup group;
  group.spawn(write_and_check(*pair.client, parts));
  group.spawn(write_and_check(*pair.server, parts));
  group.spawn(read_and_compare(*pair.client, bytes));
  group.spawn(read_and_compare(*pair.server, bytes));
  co_await group.join();
}

TEST_F(StreamTest, ten_megabytes_both_ways_at_once) {
  run([&] { return both_ways(shard(0), 10'000'000); });
}

Task<void> ping_pong(Shard& shard, int rounds) {
  StreamPair pair = co_await connected_pair(shard);
  const auto bytes = pattern_bytes(100);
  for (int i = 0; i < rounds; ++i) {
    const auto sent = co_await write_all(*pair.client, bytes);
    EXPECT_TRUE(sent.has_value());
    const auto there = co_await read_exactly(*pair.server, bytes.size());
    const auto answered = co_await write_all(*pair.server, there);
    EXPECT_TRUE(answered.has_value());
    co_await read_and_compare(*pair.client, bytes);
  }
}

TEST_F(StreamTest, echo) {
  run([&] { return ping_pong(shard(0), 1000); });
}

Task<void> peer_closes(Shard& shard) {
  StreamPair pair = co_await connected_pair(shard);
  EXPECT_EQ(pair.server->peer().host, "127.0.0.1");
  EXPECT_GT(pair.server->peer().port, 0);
  pair.client->close();
  std::vector<std::byte> room(10);
  for (int i = 0; i < 2; ++i) {
    const auto got = co_await pair.server->read_some(room);
    EXPECT_TRUE(got.has_value() && *got == 0);
  }
  // The first write is answered with a reset; soon writing fails, without SIGPIPE.
  Result<void> written;
  for (int i = 0; i < 100 && written; ++i) {
    written = co_await write_all(*pair.server, room);
    const Instant soon = shard.clock().now() + 1ms;
    co_await sleep_until(shard, soon);
  }
  EXPECT_EQ(code_of(written), ErrorCode::network_exception);
  EXPECT_NE(os_error_of(written), 0);
}

TEST_F(StreamTest, an_orderly_close_reads_as_zero_and_then_writes_fail) {
  run([&] { return peer_closes(shard(0)); });
}

Task<void> half_and_end(Shard& shard) {
  StreamPair pair = co_await connected_pair(shard);
  const auto bytes = pattern_bytes(1'500'000);
  TaskGroup group;
  group.spawn(write_and_close(*pair.client, bytes));
  const auto got = co_await read_exactly(*pair.server, bytes.size() + 1);  // ends at the close
  EXPECT_EQ(got, bytes);
  co_await group.join();
}

TEST_F(StreamTest, what_was_written_before_a_close_arrives) {
  run([&] { return half_and_end(shard(0)); });
}

struct Seen {
  bool ended = false;
  int os_error = 0;
};

Task<void> read_to_error(Stream& stream, Seen* seen) {
  std::vector<std::byte> room(10);
  const auto got = co_await stream.read_some(room);
  seen->ended = true;
  seen->os_error = os_error_of(got);
}

Task<void> write_to_error(Stream& stream, Seen* seen) {
  const std::vector<std::byte> bytes(64 * 1024 * 1024);
  const auto written = co_await write_all(stream, bytes);
  seen->ended = true;
  seen->os_error = os_error_of(written);
}

Task<void> close_under_way(Shard& shard) {
  StreamPair pair = co_await connected_pair(shard);
  TaskGroup group;
  Seen reading;
  Seen writing;
  group.spawn(read_to_error(*pair.server, &reading));
  group.spawn(write_to_error(*pair.server, &writing));
  const Instant soon = shard.clock().now() + 5ms;
  co_await sleep_until(shard, soon);
  EXPECT_FALSE(reading.ended || writing.ended);
  pair.server->close();
  EXPECT_FALSE(reading.ended || writing.ended);  // never from within close()
  pair.server->close();
  co_await group.join();
  EXPECT_EQ(reading.os_error, ECANCELED);
  EXPECT_EQ(writing.os_error, ECANCELED);
  Seen later;
  co_await read_to_error(*pair.server, &later);
  EXPECT_EQ(later.os_error, ECANCELED);
  Seen later_write;
  co_await write_to_error(*pair.server, &later_write);
  EXPECT_EQ(later_write.os_error, ECANCELED);
}

TEST_F(StreamTest, close_fails_what_is_pending_and_what_comes_later) {
  run([&] { return close_under_way(shard(0)); });
}

Task<void> send_range(Stream& stream, const File& file, std::uint64_t position,
                      std::uint64_t size) {
  const auto sent = co_await stream.send_file(file, position, size);
  EXPECT_TRUE(sent.has_value());
}

Task<void> send_a_file(Shard& shard, std::string path) {
  StreamPair pair = co_await connected_pair(shard);
  const auto bytes = pattern_bytes(9'000'000);
  const auto file = shard.file_system().open(path, OpenMode::create);
  const auto written = (*file)->write_at(0, bytes);
  EXPECT_TRUE(written.has_value());
  EXPECT_TRUE(pair.server->can_send_file());
  TaskGroup group;
  constexpr std::uint64_t from = 12'345;
  group.spawn(send_range(*pair.server, **file, from, bytes.size() - from));
  co_await read_and_compare(*pair.client, ByteView(bytes).subspan(from));
  co_await group.join();
  const auto nothing = co_await pair.server->send_file(**file, 5, 0);
  EXPECT_TRUE(nothing.has_value());
  const auto short_file = co_await pair.server->send_file(**file, bytes.size() - 10, 20);
  EXPECT_EQ(code_of(short_file), ErrorCode::kafka_storage_error);
}

TEST_F(StreamTest, sends_ranges_of_files_and_reports_a_short_one) {
  const TemporaryDirectory directory;
  run([&] { return send_a_file(shard(0), directory / "file"); });
}

// A writer and a reader that always find room and data must not keep a third task from its turns.
Task<void> count_turns(Shard& shard, const bool* ended, long* turns) {
  while (!*ended) {
    const Instant now = shard.clock().now();
    co_await sleep_until(shard, now);
    ++*turns;
  }
}

Task<void> write_small(Stream& stream, int count, bool* ended) {
  const auto bytes = pattern_bytes(10);
  for (int i = 0; i < count; ++i) {
    const auto written = co_await write_all(stream, bytes);
    EXPECT_TRUE(written.has_value());
  }
  *ended = true;
}

Task<void> be_fair(Shard& shard, long* turns) {
  StreamPair pair = co_await connected_pair(shard);
  bool ended = false;
  TaskGroup group;
  group.spawn(count_turns(shard, &ended, turns));
  group.spawn(write_small(*pair.client, 16 * 100, &ended));
  co_await group.join();
}

TEST_F(StreamTest, a_busy_stream_leaves_turns_to_others) {
  long turns = 0;
  run([&] { return be_fair(shard(0), &turns); });
  EXPECT_GE(turns, 50);
}

Task<void> refuse_to_connect(Shard& shard) {
  SocketAddress nobody;
  {
    const auto listener = shard.network().listen({"127.0.0.1", 0});
    nobody = (*listener)->local();
  }
  const Instant deadline = shard.clock().now() + 5s;
  const auto stream = co_await shard.network().connect(nobody, deadline);
  EXPECT_EQ(os_error_of(stream), ECONNREFUSED);
  const auto late = co_await shard.network().connect(nobody, shard.clock().now());
  EXPECT_EQ(os_error_of(late), ETIMEDOUT);
  const SocketAddress nowhere{"no-such-host.invalid", 1};
  const auto unknown = co_await shard.network().connect(nowhere, deadline);
  EXPECT_EQ(code_of(unknown), ErrorCode::network_exception);
}

TEST_F(StreamTest, connect_reports_refusal_time_out_and_unknown_names) {
  run([&] { return refuse_to_connect(shard(0)); });
}

// Enough connections fill a backlog; what can't be queued must end at the deadline.
Task<void> connect_to_silence(Shard& shard, SocketAddress address, Duration* took, int* os_error) {
  std::vector<std::unique_ptr<Stream>> open;
  const Instant start = shard.clock().now();
  for (int i = 0; i < 20; ++i) {
    const Instant deadline = shard.clock().now() + 30ms;
    auto stream = co_await shard.network().connect(address, deadline);
    if (!stream) {
      *os_error = stream.error().os_error;
      break;
    }
    open.push_back(std::move(*stream));
  }
  *took = shard.clock().now() - start;
}

TEST_F(StreamTest, connect_ends_at_its_deadline) {
  const int silent = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof any;
  ASSERT_EQ(::bind(silent, reinterpret_cast<sockaddr*>(&any), length), 0);
  ASSERT_EQ(::listen(silent, 1), 0);
  ASSERT_EQ(::getsockname(silent, reinterpret_cast<sockaddr*>(&any), &length), 0);
  Duration took{};
  int os_error = 0;
  run([&] {
    return connect_to_silence(shard(0), {"127.0.0.1", ntohs(any.sin_port)}, &took, &os_error);
  });
  EXPECT_EQ(os_error, ETIMEDOUT);
  EXPECT_LT(took, 10s);
  ::close(silent);
}

}  // namespace
}  // namespace gregor::runtime::real
