// compaction: how fast a log is compacted. Writes a log of records of 1 kB (keys in random order,
// each about 4 times, batches of 16), syncs it, compacts it, and prints bytes of log by seconds of
// CPU (user and system) and of time. Usage: compaction FOLDER [MB] [CODEC]       The folder must be
// empty; its files are left.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "model/batch_builder.h"
#include "runtime/real/real_runtime.h"
#include "storage/cleaner/cleaned_writer.h"
#include "storage/cleaner/cleaning_job.h"
#include "storage/segment_swap.h"

using namespace gregor;

namespace {

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <class T>
T take(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "%s\n", result.error().detail.c_str());
  std::exit(1);
}

void take(const Result<void>& result) {
  if (result) return;
  std::fprintf(stderr, "%s\n", result.error().detail.c_str());
  std::exit(1);
}

constexpr std::uint64_t segment_bytes = 256u << 20;
constexpr int records_per_batch = 16;
constexpr std::size_t value_bytes = 1000;

struct Written {
  storage::CleaningRequest request;
  std::uint64_t bytes = 0;
};

Written write_log(runtime::FileSystem& files, const std::string& folder, std::uint64_t bytes,
                  model::Codec codec) {
  Written written;
  written.request.directory = folder;
  std::mt19937_64 random(1);
  const std::uint64_t keys = bytes / value_bytes / 4 + 1;
  std::string value(value_bytes, 'x');
  std::int64_t offset = 0;
  while (written.bytes < bytes) {
    const model::Offset base(offset);
    auto writer = take(storage::CleanedWriter::create(files, folder, base, 4096));
    while (writer.size_bytes() < segment_bytes && written.bytes + writer.size_bytes() < bytes) {
      model::BatchBuilder builder({.codec = codec, .base_offset = model::Offset(offset)});
      for (int i = 0; i < records_per_batch; ++i, ++offset) {
        const std::string key = "key" + std::to_string(random() % keys);
        for (std::size_t j = 0; j + 8 < value.size(); j += 16)
          value[j] = static_cast<char>('a' + random() % 26);
        builder.add({.timestamp = model::TimestampMs(1'700'000'000'000 + offset),
                     .key = as_bytes(key),
                     .value = as_bytes(value)});
      }
      take(writer.add(take(builder.finish())));
    }
    auto made = take(writer.finish({}, 0));
    made.replaced = {base};
    written.bytes += made.size_bytes;
    written.request.segments.push_back({base, made.size_bytes});
    take(storage::SegmentSwap(files, folder, made).run().done);
  }
  written.request.end = model::Offset(offset);
  return written;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: compaction FOLDER [MB] [CODEC]\n");
    return 2;
  }
  const std::uint64_t megabytes = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1000;
  const auto codec = model::codec_by_name(argc > 3 ? argv[3] : "none");
  if (!codec) return 2;
  runtime::real::RealRuntime runtime({.shard_count = 1, .io_threads = 1});
  runtime::FileSystem& files = runtime.file_system();
  Written log = write_log(files, argv[1], megabytes * 1'000'000, *codec);
  auto config = std::make_shared<config::TopicConfig>();
  config->cleanup_compact = true;
  log.request.config = config;
  log.request.first_dirty = model::Offset(0);
  log.request.now = model::TimestampMs(1'800'000'000'000);
  const std::string folder = log.request.directory;
  std::printf("%.0f MB in %zu segments\n", static_cast<double>(log.bytes) / 1e6,
              log.request.segments.size());
  const double cpu_began = cpu_seconds();
  const double began = now_seconds();
  storage::MapLimits limits;
  limits.secret = {1, 2};
  storage::CleaningJob job(files, std::move(log.request), limits);
  for (;;) {
    const auto progress = take(job.step(4u << 20));
    if (progress == storage::CleaningJob::Progress::done) break;
    if (progress != storage::CleaningJob::Progress::segment_ready) continue;
    const auto segment = job.take_segment();
    storage::SegmentSwap swap(files, folder, segment);
    take(swap.run().done);
    for (const auto& path : swap.take_deleted()) take(files.remove(path));
  }
  const double cpu = cpu_seconds() - cpu_began;
  const double time = now_seconds() - began;
  const auto& tally = job.tally();
  const double mb = static_cast<double>(log.bytes) / 1e6;
  std::printf(
      "%.0f MB are left, %llu keys; %.2f s of CPU, %.2f s: %.0f MB per second of CPU, %.0f MB per "
      "second\n",
      static_cast<double>(tally.written_bytes) / 1e6, static_cast<unsigned long long>(tally.keys),
      cpu, time, mb / cpu, mb / time);
  return 0;
}
