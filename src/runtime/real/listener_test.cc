// Listeners: addresses, two shards, closing, and what happens without descriptors.
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <set>
#include <thread>

#include "runtime/real/test_support.h"

namespace gregor::runtime::real {
namespace {

class ListenerTest : public RuntimeTest {};

Task<bool> echo_one_byte(Shard& shard, std::unique_ptr<AcceptedSocket> socket) {
  auto stream = shard.network().adopt(std::move(socket));
  if (!stream) co_return false;
  std::array<std::byte, 1> byte{};
  const auto got = co_await (*stream)->read_some(byte);
  if (!got || *got != 1) co_return false;
  const ByteView answer(byte);
  const auto written = co_await (*stream)->write(std::span<const ByteView>(&answer, 1));
  co_return written.has_value();
}

Task<void> accept_and_deal_out(Shard& shard, Listener& listener, int count) {
  for (int i = 0; i < count; ++i) {
    auto accepted = co_await listener.accept();
    EXPECT_TRUE(accepted.has_value());
    if (!accepted) co_return;
    const ShardId to(static_cast<std::uint32_t>(i) % shard.count());
    Shard& other = shard.peer(to);
    auto serve = [&other, &accepted] { return echo_one_byte(other, std::move(*accepted)); };
    const bool echoed = co_await call_on(shard, to, serve);
    EXPECT_TRUE(echoed);
  }
}

Task<void> ask_for_echo(Shard& shard, SocketAddress address, int count) {
  const std::byte sent{42};
  const ByteView bytes(&sent, 1);
  for (int i = 0; i < count; ++i) {
    const Instant deadline = shard.clock().now() + 5s;
    auto stream = co_await shard.network().connect(address, deadline);
    EXPECT_TRUE(stream.has_value());
    const auto written = co_await (*stream)->write(std::span<const ByteView>(&bytes, 1));
    EXPECT_TRUE(written.has_value());
    std::array<std::byte, 8> room{};
    const auto got = co_await (*stream)->read_some(room);
    EXPECT_TRUE(got && *got == 1 && room[0] == sent);
  }
}

Task<void> serve_on_two_shards(Shard& shard, std::string host) {
  auto listener = shard.network().listen({host, 0});
  EXPECT_TRUE(listener.has_value()) << listener.error().detail;
  if (!listener) co_return;
  TaskGroup group;
  group.spawn(accept_and_deal_out(shard, **listener, 10));
  SocketAddress address = (*listener)->local();
  if (host.empty()) address.host = "127.0.0.1";
  co_await ask_for_echo(shard, address, 10);
  co_await group.join();
}

TEST_F(ListenerTest, a_socket_accepted_here_is_adopted_there) {
  run([&] { return serve_on_two_shards(shard(0), "127.0.0.1"); });
}
TEST_F(ListenerTest, listens_on_a_name) {
  run([&] { return serve_on_two_shards(shard(0), "localhost"); });
}
TEST_F(ListenerTest, listens_on_all_addresses) {
  run([&] { return serve_on_two_shards(shard(0), ""); });
}
TEST_F(ListenerTest, listens_on_ipv6) {
  if (!std::filesystem::exists("/proc/net/if_inet6")) GTEST_SKIP() << "this machine has no IPv6";
  run([&] { return serve_on_two_shards(shard(0), "::1"); });
}

Task<void> listen_twice(Shard& shard) {
  const auto first = shard.network().listen({"127.0.0.1", 0});
  EXPECT_TRUE(first.has_value());
  const auto second = shard.network().listen((*first)->local());
  EXPECT_EQ(os_error_of(second), EADDRINUSE);
  const std::string detail = second ? "" : second.error().detail;
  EXPECT_NE(detail.find("bind 127.0.0.1:"), std::string::npos) << detail;
  const auto unknown = shard.network().listen({"no-such-host.invalid", 0});
  EXPECT_FALSE(unknown.has_value());
  co_return;
}

TEST_F(ListenerTest, a_port_in_use_and_an_unknown_name_are_errors) {
  run([&] { return listen_twice(shard(0)); });
}

// The descriptor of this process that is connected to local port `port`, or -1.
int descriptor_connected_to(std::uint16_t port) {
  for (int number = 0; number < 1024; ++number) {
    sockaddr_in peer{};
    socklen_t length = sizeof peer;
    if (::getpeername(number, reinterpret_cast<sockaddr*>(&peer), &length) != 0) continue;
    if (peer.sin_family == AF_INET && ntohs(peer.sin_port) == port) return number;
  }
  return -1;
}

int buffer_bytes(int descriptor, int option) {
  int value = 0;
  socklen_t length = sizeof value;
  EXPECT_EQ(::getsockopt(descriptor, SOL_SOCKET, option, &value, &length), 0);
  return value;
}

Task<void> accept_with_buffers(Shard& shard) {
  ListenOptions options;
  options.send_buffer_bytes = 40'000;
  options.receive_buffer_bytes = 50'000;
  auto listener = shard.network().listen({"127.0.0.1", 0}, options);
  EXPECT_TRUE(listener.has_value());
  const Instant deadline = shard.clock().now() + 5s;
  auto stream = co_await shard.network().connect((*listener)->local(), deadline);
  EXPECT_TRUE(stream.has_value());
  const auto accepted = co_await (*listener)->accept();
  EXPECT_TRUE(accepted.has_value());
  const int number = descriptor_connected_to((*accepted)->peer().port);
  EXPECT_EQ(buffer_bytes(number, SO_SNDBUF), 80'000);  // Linux doubles what is asked for
  EXPECT_EQ(buffer_bytes(number, SO_RCVBUF), 100'000);
}

TEST_F(ListenerTest, accepted_sockets_have_the_buffers_that_were_asked_for) {
  run([&] { return accept_with_buffers(shard(0)); });
}

Task<void> accept_to_error(Listener& listener, int* os_error) {
  const auto accepted = co_await listener.accept();
  EXPECT_FALSE(accepted.has_value());
  if (!accepted) *os_error = accepted.error().os_error;
}

Task<void> close_while_accepting(Shard& shard, int* os_error) {
  auto listener = shard.network().listen({"127.0.0.1", 0});
  TaskGroup group;
  group.spawn(accept_to_error(**listener, os_error));
  const Instant soon = shard.clock().now() + 2ms;
  co_await sleep_until(shard, soon);
  EXPECT_EQ(*os_error, 0);
  (*listener)->close();
  EXPECT_EQ(*os_error, 0);
  co_await group.join();
}

TEST_F(ListenerTest, close_ends_accept) {
  int os_error = 0;
  run([&] { return close_while_accepting(shard(0), &os_error); });
  EXPECT_EQ(os_error, ECANCELED);
}

// Takes every descriptor that the limit leaves; in a process of its own.
class Shortage {
 public:
  Shortage() {
    for (int taken = ::dup(STDIN_FILENO); taken >= 0; taken = ::dup(STDIN_FILENO))
      taken_.push_back(taken);
  }
  ~Shortage() {
    for (const int each : taken_) ::close(each);
  }
  Shortage(const Shortage&) = delete;
  Shortage& operator=(const Shortage&) = delete;

 private:
  std::vector<int> taken_;
};

int blocking_socket() { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }

bool connect_blocking(int socket, const SocketAddress& address) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(address.port);
  return ::connect(socket, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
}

struct Accepting {
  bool ended = false;
  int os_error = 0;
};

Task<void> accept_one(Listener& listener, Accepting* result) {
  const auto socket = co_await listener.accept();
  result->ended = true;
  result->os_error = os_error_of(socket);
}

std::int64_t process_cpu_us() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 + usage.ru_utime.tv_usec +
         usage.ru_stime.tv_usec;
}

Task<void> sleep_for(Shard& shard, Duration time) {
  const Instant deadline = shard.clock().now() + time;
  co_await sleep_until(shard, deadline);
}

enum ShortageResult {
  all_well,
  unable_to_connect,
  accepted_in_shortage,
  burnt_cpu,
  never_accepted,
  never_closed
};

Task<void> survive_shortage(Shard& shard, ShortageResult* result) {
  auto listener = shard.network().listen({"127.0.0.1", 0});
  const SocketAddress address = (*listener)->local();
  const int first = blocking_socket();
  const int second = blocking_socket();
  auto shortage = std::make_unique<Shortage>();
  *result = unable_to_connect;
  if (!connect_blocking(first, address)) co_return;
  Accepting accepting;
  TaskGroup group;
  group.spawn(accept_one(**listener, &accepting));
  const std::int64_t cpu_before = process_cpu_us();
  co_await sleep_for(shard, 350ms);
  const bool burnt = process_cpu_us() - cpu_before > 100'000;
  const bool early = accepting.ended;
  shortage.reset();
  co_await group.join();
  *result = early                     ? accepted_in_shortage
            : burnt                   ? burnt_cpu
            : accepting.os_error != 0 ? never_accepted
                                      : all_well;
  if (*result != all_well) co_return;

  const Shortage again;
  Accepting closing;
  const bool connected = connect_blocking(second, address);
  group.spawn(accept_one(**listener, &closing));
  co_await sleep_for(shard, 5ms);
  (*listener)->close();
  co_await group.join();
  if (!connected || closing.os_error != ECANCELED) *result = never_closed;
}

int shortage_in_child() {
  ShortageResult result = all_well;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return unable_to_connect;
  limit.rlim_cur = 64;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return unable_to_connect;
  RealRuntime runtime({.shard_count = 1, .io_threads = 1});
  runtime.start();
  runtime.run([&] { return survive_shortage(runtime.shard(ShardId(0)), &result); });
  runtime.stop();
  return result;
}

TEST(ShortageTest, without_descriptors_accept_pauses_and_does_not_spin) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "UBSan's check of vtables needs descriptors itself (a pipe, to probe memory)";
#endif
  EXPECT_EQ(in_child(shortage_in_child), all_well);
}

}  // namespace
}  // namespace gregor::runtime::real
