// What the tests here share: a started runtime, a directory that goes away, child processes.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "runtime/real/real_runtime.h"

namespace gregor::runtime::real {

using namespace std::chrono_literals;

/// A runtime that runs during one test.
class RuntimeTest : public ::testing::Test {
 protected:
  explicit RuntimeTest(std::uint32_t shard_count = 2)
      : runtime_({.shard_count = shard_count, .io_threads = 2}) {
    runtime_.start();
  }
  void run(UniqueFunction<Task<void>()> make) { runtime_.run(std::move(make)); }
  Shard& shard(std::uint32_t id) { return runtime_.shard(ShardId(id)); }

  RealRuntime runtime_;
};

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = ::testing::TempDir() + "gregor-XXXXXX";
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  ~TemporaryDirectory() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
    EXPECT_FALSE(error) << error.message();
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Runs `body` in a forked child that has only the calling thread. @return its exit status, -1 if a
/// signal ended it.
template <class F>
int in_child(F body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// 0 if there is a value.
template <class T>
int os_error_of(const Result<T>& result) {
  return result ? 0 : result.error().os_error;
}

/// `none` if there is a value.
template <class T>
ErrorCode code_of(const Result<T>& result) {
  return result ? ErrorCode::none : result.error().code;
}

/// Bytes that differ from place to place, so that a shift shows.
inline std::vector<std::byte> pattern_bytes(std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::uint32_t state = 12345;
  for (std::byte& each : bytes) {
    state = state * 1664525 + 1013904223;
    each = static_cast<std::byte>(state >> 24);
  }
  return bytes;
}

/// A connected pair of streams, both on `shard`, over loopback.
struct StreamPair {
  std::unique_ptr<Stream> client;
  std::unique_ptr<Stream> server;
};

inline Task<StreamPair> connected_pair(Shard& shard) {
  auto listener = shard.network().listen({"127.0.0.1", 0});
  EXPECT_TRUE(listener.has_value());
  const Instant deadline = shard.clock().now() + 5s;
  auto client = co_await shard.network().connect((*listener)->local(), deadline);
  EXPECT_TRUE(client.has_value());
  auto accepted = co_await (*listener)->accept();
  EXPECT_TRUE(accepted.has_value());
  auto server = shard.network().adopt(std::move(*accepted));
  EXPECT_TRUE(server.has_value());
  StreamPair pair{std::move(*client), std::move(*server)};
  co_return pair;
}

}  // namespace gregor::runtime::real
