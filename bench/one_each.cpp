// one_each: many connections to one broker, each with one Produce request on its way at a time, all
// to partition 0 of a topic. Usage: one_each PORT TOPIC CONNECTIONS SECONDS [VALUE_BYTES]
// Prints acks, refusals, seconds and acks per second. One thread.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "model/batch_builder.h"

using namespace gregor;

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

template <class T>
void put(std::vector<std::byte>& out, T value) {
  const std::size_t at = out.size();
  out.resize(at + sizeof value);
  store_be<T>(out.data() + at, value);
}

void put_text(std::vector<std::byte>& out, const std::string& text) {
  put(out, static_cast<std::int16_t>(text.size()));
  const auto bytes = as_bytes(text);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// A Produce request of version 7, with its size before it.
std::vector<std::byte> make_request(const std::string& topic, std::size_t value_bytes) {
  model::BatchBuilder builder({});
  const std::string value(value_bytes, 'v');
  builder.add({.timestamp = model::TimestampMs(1'700'000'000'000), .value = as_bytes(value)});
  const auto batch = builder.finish();
  if (!batch) std::exit(1);
  std::vector<std::byte> out;
  put(out, std::int32_t{0});
  put(out, std::int16_t{0});
  put(out, std::int16_t{7});
  put(out, std::int32_t{1});
  put_text(out, "one_each");
  put(out, std::int16_t{-1});  // no transaction
  put(out, std::int16_t{-1});  // acks of all
  put(out, std::int32_t{30'000});
  put(out, std::int32_t{1});
  put_text(out, topic);
  put(out, std::int32_t{1});
  put(out, std::int32_t{0});
  put(out, static_cast<std::int32_t>(batch->size()));
  out.insert(out.end(), batch->begin(), batch->end());
  store_be<std::int32_t>(out.data(), static_cast<std::int32_t>(out.size() - 4));
  return out;
}

int connect_to(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) give_up("connect");
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

void send_all(int fd, const std::vector<std::byte>& request) {
  if (write(fd, request.data(), request.size()) != static_cast<ssize_t>(request.size()))
    give_up("write");
}

/// Reads one whole answer. @return its error code
std::int16_t receive(int fd, std::size_t topic_bytes) {
  std::byte answer[4096];
  std::size_t got = 0;
  std::size_t wanted = 4;
  while (got < wanted) {
    const ssize_t part = read(fd, answer + got, sizeof answer - got);
    if (part <= 0) give_up("read");
    got += static_cast<std::size_t>(part);
    if (got >= 4) wanted = 4 + static_cast<std::size_t>(load_be<std::int32_t>(answer));
    if (wanted > sizeof answer) std::exit(1);
  }
  // size, correlation, topics, name, partitions, index
  return load_be<std::int16_t>(answer + 4 + 4 + 4 + 2 + topic_bytes + 4 + 4);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: one_each PORT TOPIC CONNECTIONS SECONDS [VALUE_BYTES]\n");
    return 2;
  }
  const std::string topic = argv[2];
  const int connections = std::atoi(argv[3]);
  const auto request =
      make_request(topic, argc > 5 ? static_cast<std::size_t>(std::atoi(argv[5])) : 100);
  const int poll = epoll_create1(0);
  for (int i = 0; i < connections; ++i) {
    const int fd = connect_to(std::atoi(argv[1]));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
    send_all(fd, request);
  }
  const auto began = Clock::now();
  const auto end = began + std::chrono::milliseconds(static_cast<int>(1000 * std::atof(argv[4])));
  long acks = 0;
  long refused = 0;
  std::vector<epoll_event> events(static_cast<std::size_t>(connections));
  while (Clock::now() < end) {
    const int count = epoll_wait(poll, events.data(), connections, 1000);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      (receive(fd, topic.size()) == 0 ? acks : refused) += 1;
      send_all(fd, request);
    }
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  std::printf("acks=%ld refused=%ld seconds=%.3f per_second=%.1f\n", acks, refused, seconds,
              static_cast<double>(acks) / seconds);
  return 0;
}
