#include "runtime/simulated/world.h"

#include "base/assert.h"

namespace gregor::runtime::simulated {

World::World(const WorldOptions& options) : scheduler_(options), wire_(scheduler_) {}

World::~World() {
  scheduler_.set_trace_sink({});  // the end is not part of the run
  // First everything that runs on shards, while all nodes are still there; then what is on its way
  // between them.
  for (const auto& node : nodes_) node->destroy_shards();
  scheduler_.clear();
}

Node& World::add_node(std::string host) {
  const auto number = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back(std::make_unique<Node>(scheduler_, wire_, number, std::move(host)));
  return *nodes_.back();
}

void World::at(Instant time, UniqueFunction<void()> action) {
  Event event{.kind = EventKind::scenario};
  event.action = std::move(action);
  scheduler_.push(time, std::move(event));
}

void World::run_until(Instant time) {
  while (scheduler_.run_one(time)) {
  }
  scheduler_.advance_to(time);
}

Task<void> World::note_end(std::shared_ptr<TaskState<int>> state, Task<void> task) {
  co_await std::move(task);
  state->done = true;
}

void World::start_task(Shard& shard, Task<void> task) {
  shard.post(
      [&shard, task = std::move(task)]() mutable { shard.message_tasks().spawn(std::move(task)); });
}

}  // namespace gregor::runtime::simulated
