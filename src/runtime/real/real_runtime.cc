#include "runtime/real/real_runtime.h"

#include <semaphore>
#include <vector>

#include "base/assert.h"
#include "runtime/real/free_memory.h"
#include "runtime/real/real_shard.h"

namespace gregor::runtime::real {

struct RealRuntime::Parts {
  explicit Parts(const RuntimeOptions& options) : shared{{}, {}, IoPool(options.io_threads), {}} {}
  SharedParts shared;
  std::vector<std::unique_ptr<RealShard>> shards;
  std::unique_ptr<FreeMemory> free_memory;
  bool started = false;
};

namespace {

// The caller's stack holds `make` until `ended` is released; the semaphore outlives the caller's
// waking up.
Task<void> run_and_tell(UniqueFunction<Task<void>()>* make,
                        std::shared_ptr<std::binary_semaphore> ended) {
  co_await (*make)();
  ended->release();
}

}  // namespace

RealRuntime::RealRuntime(const RuntimeOptions& options) : parts_(std::make_unique<Parts>(options)) {
  GREGOR_ASSERT(options.shard_count > 0 && options.io_threads > 0);
  ignore_broken_pipes();
  for (std::uint32_t i = 0; i < options.shard_count; ++i) {
    parts_->shards.push_back(std::make_unique<RealShard>(ShardId(i), parts_->shared));
    parts_->shared.shards.push_back(parts_->shards.back().get());
  }
  parts_->free_memory = std::make_unique<FreeMemory>(*parts_->shards.front());
}

RealRuntime::~RealRuntime() {
  stop();
  // A frame may refer to objects of any shard, so all frames go before the first shard.
  for (auto& each : parts_->shards) each->abandon_tasks();
}

Shard& RealRuntime::shard(ShardId id) {
  GREGOR_ASSERT(id.value() < shard_count());
  return *parts_->shards[id.value()];
}

std::uint32_t RealRuntime::shard_count() const {
  return static_cast<std::uint32_t>(parts_->shards.size());
}
FileSystem& RealRuntime::file_system() { return parts_->shared.file_system; }
Clock& RealRuntime::clock() { return parts_->shared.clock; }

Result<void> RealRuntime::on_signal(UniqueFunction<void(int)> callback) {
  GREGOR_ASSERT(!parts_->started);
  return parts_->shards.front()->loop().on_signal(std::move(callback));
}

void RealRuntime::start() {
  GREGOR_ASSERT(!parts_->started);
  parts_->started = true;
  parts_->shared.io_pool.start();
  for (auto& each : parts_->shards) each->start();
  parts_->shards.front()->post([this] { parts_->free_memory->start(); });
}

void RealRuntime::run(UniqueFunction<Task<void>()> make) {
  GREGOR_ASSERT(parts_->started);
  const auto ended = std::make_shared<std::binary_semaphore>(0);
  Shard& first = *parts_->shards.front();
  first.post([&first, &make, ended] { first.message_tasks().spawn(run_and_tell(&make, ended)); });
  ended->acquire();
}

void RealRuntime::stop() {
  parts_->shared.io_pool.stop();
  for (auto& each : parts_->shards) each->stop();
}

}  // namespace gregor::runtime::real
