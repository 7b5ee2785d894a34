#include "broker/groups/group_lag.h"

#include <algorithm>
#include <span>
#include <tuple>
#include <utility>

#include "base/assert.h"
#include "broker/groups/group_coordinator.h"

namespace gregor::broker {
namespace {

// Rows of one shard.
constexpr std::size_t rows_max = 5000;
// So many groups are looked at before the shard's loop gets its turn.
constexpr std::size_t looked_at_once = 100;

struct Listed {
  std::vector<GroupLag> rows;
  std::uint64_t unlisted = 0;
};

runtime::Task<Listed> list_offsets(BrokerShard& shard) {
  Listed listed;
  std::size_t looked_at = 0;
  for (const auto& partition : shard.group_coordinator().partitions()) {
    for (const std::string& id : partition->groups_with_offsets()) {
      if (++looked_at % looked_at_once == 0)
        co_await runtime::sleep_until(shard.shard(), shard.shard().clock().now());
      const group::GroupOffsets* offsets = partition->offsets_of(id);
      if (offsets == nullptr) continue;
      offsets->for_each([&](const std::string& topic, model::PartitionIndex index,
                            const group::GroupOffsets::Stored& stored) {
        if (listed.rows.size() == rows_max) {
          ++listed.unlisted;
          return;
        }
        GroupLag row;
        row.group = id;
        row.partition = {topic, index};
        row.committed = stored.committed.offset;
        listed.rows.push_back(std::move(row));
      });
    }
  }
  co_return listed;
}

runtime::Task<void> measure(BrokerShard& shard, GroupLag& row) {
  auto found = shard.find_led(row.partition.topic, row.partition.partition.value(), -1);
  if (!found) {
    row.end = row.committed;  // another broker knows, or the topic is gone
    co_return;
  }
  const std::shared_ptr<Partition> partition = std::move(*found);
  const storage::PartitionLog& log = partition->log();
  row.end = log.high_watermark();
  const model::Offset from = std::max(row.committed, log.log_start());
  row.records = std::max<std::int64_t>(0, row.end - from);
  row.age_ms = 0;
  if (row.records == 0) co_return;
  const auto time =
      co_await shard.group_coordinator().times().find(shard.shard(), *partition, from);
  if (!time) {
    row.age_ms = std::nullopt;
    co_return;
  }
  row.age_ms = std::max<std::int64_t>(0, shard.shard().clock().wall_ms() - time->value());
}

runtime::Task<std::vector<int>> measure_all(BrokerShard& shard, std::span<GroupLag* const> rows) {
  shard.group_coordinator().times().begin_round();
  for (GroupLag* row : rows) co_await measure(shard, *row);
  co_return std::vector<int>(rows.size());
}

}  // namespace

runtime::Task<GroupLags> gather_lags(BrokerShared& shared) {
  BrokerShard& home = *shared.shards[0];
  GroupLags lags;
  for (const auto& shard : shared.shards) {
    BrokerShard* target = shard.get();
    auto list = [target] { return list_offsets(*target); };
    Listed listed = co_await runtime::call_on(home.shard(), target->shard().id(), list);
    lags.unlisted += listed.unlisted;
    for (GroupLag& row : listed.rows) lags.rows.push_back(std::move(row));
  }
  auto owner = [&home](const GroupLag& row) {
    return home.owner(row.partition.topic, row.partition.partition.value());
  };
  auto work = [&home](runtime::ShardId target, std::span<GroupLag* const> rows) {
    return measure_all(home.peer(target), rows);
  };
  const auto measured =
      co_await scatter<int>(home.shard(), std::span<GroupLag>(lags.rows), owner, work);
  GREGOR_ASSERT(measured.size() == lags.rows.size());
  std::sort(lags.rows.begin(), lags.rows.end(), [](const GroupLag& a, const GroupLag& b) {
    return std::tie(a.group, a.partition) < std::tie(b.group, b.partition);
  });
  co_return lags;
}

}  // namespace gregor::broker
