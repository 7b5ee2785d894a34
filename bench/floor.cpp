// clang-format off
// floor: the least CPU a broker could spend here: receive over loopback, CRC-32C, pwrite to the page cache; and sendfile back.
// Build: g++ -O3 -march=native -std=c++20 floor.cpp -o floor -lisal -lpthread     Usage: floor FILE [GB]
// clang-format on
#include <arpa/inet.h>
#include <fcntl.h>
#include <isa-l/crc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>
static double cpu() {
  rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}
static double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
int main(int argc, char** argv) {
  long gb = argc > 2 ? atol(argv[2]) : 2;
  size_t total = gb * 1000000000ul, frame = 1 << 20;
  int l = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t n = sizeof a;
  bind(l, (sockaddr*)&a, n);
  listen(l, 1);
  getsockname(l, (sockaddr*)&a, &n);
  if (fork() == 0) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    connect(s, (sockaddr*)&a, sizeof a);
    std::vector<char> b(frame, 'x');
    size_t sent = 0;
    while (sent < total) {
      ssize_t k = write(s, b.data(), std::min(frame, total - sent));
      if (k <= 0) break;
      sent += k;
    }
    size_t got = 0;
    while (got < total) {
      ssize_t k = read(s, b.data(), frame);
      if (k <= 0) break;
      got += k;
    }
    _exit(0);
  }
  int c = accept(l, nullptr, nullptr);
  int f = open(argv[1], O_CREAT | O_TRUNC | O_RDWR, 0644);
  std::vector<unsigned char> b(frame);
  size_t got = 0;
  unsigned crc = 0;
  double c0 = cpu(), t0 = now();
  while (got < total) {
    size_t have = 0, want = std::min(frame, total - got);
    while (have < want) {
      ssize_t k = recv(c, b.data() + have, want - have, 0);
      if (k <= 0) return 1;
      have += k;
    }
    crc ^= crc32_iscsi(b.data(), want, 0);
    if (pwrite(f, b.data(), want, got) != (ssize_t)want) return 1;
    got += want;
  }
  double c1 = cpu(), t1 = now();
  off_t off = 0;
  while ((size_t)off < total)
    if (sendfile(c, f, &off, std::min<size_t>(frame, total - off)) <= 0) return 1;
  double c2 = cpu(), t2 = now();
  close(c);
  wait(nullptr);
  double k0 = cpu();
  for (int i = 0; i < 1000; i++) crc ^= crc32_iscsi(b.data(), frame, i);
  double k1 = cpu();
  printf(
      "receive+crc+pwrite: cpu_s_per_GB=%.3f MB_s=%.0f | sendfile: cpu_s_per_GB=%.3f MB_s=%.0f | "
      "crc32c GB_s=%.1f (%u)\n",
      (c1 - c0) / gb, total / (t1 - t0) / 1e6, (c2 - c1) / gb, total / (t2 - t1) / 1e6,
      1.048576 / (k1 - k0), crc);
  unlink(argv[1]);
}
