// Registration and election on a store that can't be written to.
#include "broker/store_calls.h"

#include <gtest/gtest.h>

#include <memory>

#include "metadata/simulated/simulated_store.h"
#include "runtime/simulated/world.h"

namespace gregor::broker {
namespace {

using metadata::SimulatedStoreServer;
using metadata::Store;
using model::BrokerId;
using runtime::Task;

/// A store whose every change fails as on a full disk.
class FullStore : public Store {
 public:
  template <class T>
  using Answer = Task<metadata::StoreResult<T>>;
  explicit FullStore(std::unique_ptr<Store> real) : real_(std::move(real)) {}
  Answer<znode::OperationResult> create(znode::op::Create) override {
    co_return tl::unexpected(full());
  }
  Answer<metadata::NodeData> get(std::string path, metadata::Watch watch) override {
    return real_->get(std::move(path), watch);
  }
  Answer<znode::Stat> set(znode::op::Set) override { co_return tl::unexpected(full()); }
  Answer<void> remove(znode::op::Delete) override { co_return tl::unexpected(full()); }
  Answer<znode::Stat> exists(std::string path, metadata::Watch watch) override {
    return real_->exists(std::move(path), watch);
  }
  Answer<metadata::NodeChildren> children(std::string path, metadata::Watch watch) override {
    return real_->children(std::move(path), watch);
  }
  Answer<std::vector<znode::OperationResult>> multi(std::vector<znode::Operation>) override {
    co_return tl::unexpected(full());
  }
  void on_watch(UniqueFunction<void(const znode::WatchEvent&)> callback) override {
    real_->on_watch(std::move(callback));
  }
  void on_session(UniqueFunction<void(znode::SessionEvent)> callback) override {
    real_->on_session(std::move(callback));
  }
  [[nodiscard]] std::int64_t session_id() const override { return real_->session_id(); }
  Task<void> close() override { return real_->close(); }

 private:
  static metadata::StoreFailure full() {
    return {znode::StoreError::unknown, "database or disk is full", 0};
  }
  std::unique_ptr<Store> real_;
};

Task<void> gives_up(runtime::Shard& shard, SimulatedStoreServer& server) {
  FullStore store(server.connect(shard));
  const auto registered = co_await register_broker(shard, store, BrokerId(1), {});
  EXPECT_FALSE(registered);
  if (!registered) {
    EXPECT_NE(registered.error().detail.find("disk is full"), std::string::npos)
        << registered.error().detail;
  }
  const auto elected = co_await elect_controller(shard, store, BrokerId(1));
  EXPECT_FALSE(elected);
  if (!elected) {
    EXPECT_NE(elected.error().detail.find("disk is full"), std::string::npos)
        << elected.error().detail;
  }
  co_await store.close();
}

TEST(StoreCallsTest, WhatGivesUpNamesTheReason) {
  runtime::simulated::World world;
  runtime::simulated::Node& machine = world.add_node("broker");
  machine.boot(1);
  SimulatedStoreServer server{{}};
  EXPECT_TRUE(world.run_task(machine.shard(0), gives_up(machine.shard(0), server)));
}

}  // namespace
}  // namespace gregor::broker
