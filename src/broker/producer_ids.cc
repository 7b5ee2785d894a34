#include "broker/producer_ids.h"

#include <fmt/format.h>

#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "broker/store_calls.h"
#include "znode/path.h"
#include "znode/producer_id_node.h"

namespace gregor::broker {
namespace {

using metadata::Watch;
using runtime::Task;
using znode::StoreError;

// The block behind the last claimed one; an empty node is that of a new cluster.
Result<znode::ProducerIdBlock> block_after(std::string_view path, std::string_view data,
                                           model::BrokerId broker) {
  std::int64_t first = 0;
  if (!data.empty()) {
    auto last = znode::decode_producer_id_block(path, data);
    if (!last) return fail(std::move(last.error()));
    first = last->last + 1;
  }
  return znode::ProducerIdBlock{broker, first, first + producer_ids_per_block - 1};
}

}  // namespace

Task<Result<model::ProducerId>> ProducerIds::next() {
  while (next_ == end_) {
    co_await refill();
    if (next_ == end_ && failure_) co_return fail(*failure_);
  }
  co_return model::ProducerId(next_++);
}

// One claim for all who wait.
Task<void> ProducerIds::refill() {
  if (is_claiming_) {
    runtime::OneShot ended(shard_);
    waiters_.push_back(&ended);
    co_await ended.wait();
    co_return;
  }
  is_claiming_ = true;
  failure_.reset();
  auto first = co_await claim();
  is_claiming_ = false;
  if (first) {
    GREGOR_ASSERT(*first >= end_);
    next_ = *first;
    end_ = *first + producer_ids_per_block;
    log::debug("producer-ids", "ids {} to {} are ours", next_, end_ - 1);
  } else {
    log::error("producer-ids", "no block of ids could be claimed: {}", first.error().detail);
    failure_ = std::move(first.error());
  }
  for (runtime::OneShot* waiter : std::exchange(waiters_, {})) waiter->set();
}

// The first id of a block that is ours for certain.
Task<Result<std::int64_t>> ProducerIds::claim() {
  const std::string path(znode::path::latest_producer_id_block);
  for (int tries = 0; tries < store_tries; ++tries) {
    auto read = co_await store_.get(path, Watch::no);
    if (!read && is(read.error(), StoreError::no_node)) {
      znode::op::Create node{path, "", znode::CreateMode::persistent};
      auto made = co_await store_.create(std::move(node));
      if (!made && is(made.error(), StoreError::unknown)) co_await pause(shard_);
      continue;
    }
    if (!read && !is(read.error(), StoreError::unknown)) {
      Error error = to_error(read.error(), "reading the last block of producer ids");
      error.code = ErrorCode::coordinator_load_in_progress;
      co_return fail(std::move(error));
    }
    if (!read) {
      co_await pause(shard_);
      continue;
    }
    const auto block = block_after(path, read->data, broker_);
    if (!block) co_return fail(block.error());
    znode::op::Set set{path, znode::encode(*block), read->stat.version};
    auto written = co_await store_.set(std::move(set));
    if (written) co_return block->first;
    // Another broker was faster, or nobody knows: in both cases the node is read anew, and a block
    // that may or may not be ours is left alone.
    if (!is(written.error(), StoreError::bad_version)) co_await pause(shard_);
  }
  co_return fail(ErrorCode::coordinator_load_in_progress,
                 fmt::format("no answer to {} tries", store_tries));
}

}  // namespace gregor::broker
