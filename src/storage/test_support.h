// What the tests here share: batches, files, and a host that runs tasks to their end.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "model/batch_builder.h"
#include "model/record_batch.h"
#include "runtime/real/real_runtime.h"
#include "storage/log_loader.h"
#include "storage/partition_log.h"
#include "storage/small_file.h"

namespace gregor::storage::test {

using Bytes = std::vector<std::byte>;

struct BatchShape {
  int records = 1;
  std::int64_t timestamp = 1000;  ///< of the first record; each later one is 1 above
  std::size_t value_bytes = 5;
  model::Codec codec = model::Codec::none;
  char filling = 'v';
};

inline Bytes make_batch(const BatchShape& shape = {}) {
  model::BatchBuilder builder({.codec = shape.codec});
  const std::string value(shape.value_bytes, shape.filling);
  for (int i = 0; i < shape.records; ++i) {
    builder.add({.timestamp = model::TimestampMs(shape.timestamp + i),
                 .key = as_bytes("k"),
                 .value = as_bytes(value),
                 .headers = {},
                 .offset_delta = {}});
  }
  auto batch = builder.finish();
  EXPECT_TRUE(batch.has_value());
  return std::move(*batch);
}

/// A batch as it stands in a log.
inline Bytes stored_batch(std::int64_t base, const BatchShape& shape = {}, std::int32_t epoch = 0) {
  Bytes batch = make_batch(shape);
  model::set_base_offset(batch, model::Offset(base));
  model::set_leader_epoch(batch, model::LeaderEpoch(epoch));
  return batch;
}

inline std::string hex(ByteView bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text += digits[static_cast<unsigned>(byte) >> 4];
    text += digits[static_cast<unsigned>(byte) & 15];
  }
  return text;
}

/// A batch that stays until the next call, for an append whose result is awaited at once.
inline ByteSpan scratch(Bytes batch) {
  static Bytes kept;
  kept = std::move(batch);
  return kept;
}

inline void cut_tail(Bytes& bytes, std::ptrdiff_t size) {
  bytes.erase(bytes.end() - size, bytes.end());
}

inline void append_to(Bytes& out, ByteView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// Files through the interface, so that they may be simulated.

inline Bytes read_file(runtime::FileSystem& files, const std::string& path) {
  auto text = read_small_file(files, path);
  EXPECT_TRUE(text.has_value() && *text) << path;
  if (!text || !*text) return {};
  const auto bytes = as_bytes(**text);
  return {bytes.begin(), bytes.end()};
}

inline void write_file(runtime::FileSystem& files, const std::string& path, ByteView bytes) {
  auto file = files.open(path, runtime::OpenMode::create);
  ASSERT_TRUE(file.has_value()) << file.error().detail;
  ASSERT_TRUE((*file)->truncate(0).has_value());
  if (bytes.empty()) return;
  ASSERT_TRUE((*file)->write_at(0, bytes).has_value());
}

inline bool exists(runtime::FileSystem& files, const std::string& path) {
  return files.stat(path).has_value();
}

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = ::testing::TempDir() + "gregor-storage-XXXXXX";
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
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

template <class T>
runtime::Task<void> keep_value(runtime::Task<T> task, std::optional<T>* out) {
  out->emplace(co_await std::move(task));
}

/// A shard of the real runtime and a directory; tasks are run from the test's thread.
class RealHost {
 public:
  RealHost() { start(); }
  ~RealHost() { runtime_->stop(); }
  RealHost(const RealHost&) = delete;
  RealHost& operator=(const RealHost&) = delete;

  [[nodiscard]] runtime::Shard& shard() { return runtime_->shard(runtime::ShardId(0)); }
  [[nodiscard]] runtime::FileSystem& files() { return runtime_->file_system(); }
  [[nodiscard]] const std::string& root() const { return directory_.path(); }

  template <class T>
  T wait(runtime::Task<T> task) {
    std::optional<T> value;
    runtime_->run([&] { return keep_value(std::move(task), &value); });
    return std::move(*value);
  }
  void wait_for(runtime::Task<void> task) {
    runtime_->run([&] { return std::move(task); });
  }
  /// Ends all threads, calls `destroy` for what lives on the shard, and begins anew.
  template <class F>
  void restart(F destroy) {
    runtime_->stop();
    destroy();
    start();
  }

 private:
  void start() {
    runtime_ = std::make_unique<runtime::real::RealRuntime>(
        runtime::real::RuntimeOptions{.shard_count = 1, .io_threads = 2});
    runtime_->start();
  }

  TemporaryDirectory directory_;
  std::unique_ptr<runtime::real::RealRuntime> runtime_;
};

}  // namespace gregor::storage::test
