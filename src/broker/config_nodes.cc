#include "broker/config_nodes.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "base/log.h"
#include "broker/store_calls.h"
#include "znode/config_node.h"
#include "znode/path.h"
#include "znode/topic_node.h"

namespace gregor::broker {
namespace {

using metadata::NodeData;
using metadata::StoreFailure;
using metadata::StoreResult;
using metadata::Watch;
using runtime::Task;
using znode::CreateMode;
using znode::StoreError;

constexpr std::string_view component = "configs";
constexpr std::int64_t notice_age_max_ms = 15 * 60 * 1000;
constexpr std::string_view topics_prefix = "topics/";
constexpr std::string_view brokers_prefix = "brokers/";

std::string path_of(const ConfigEntity& entity) {
  return fmt::format("{}/{}", znode::path::config, entity.path);
}

std::string notice_path(std::int64_t number) {
  return fmt::format("{}{:010}", znode::path::config_change_prefix, number);
}

std::optional<std::int64_t> notice_number(std::string_view name) {
  constexpr std::string_view prefix = "config_change_";
  if (!name.starts_with(prefix)) return std::nullopt;
  std::int64_t number = 0;
  const char* end = name.data() + name.size();
  const auto [stopped, error] = std::from_chars(name.data() + prefix.size(), end, number);
  if (error != std::errc{} || stopped != end) return std::nullopt;
  return number;
}

}  // namespace

ConfigEntity topic_entity(std::string_view topic) {
  return {fmt::format("{}{}", topics_prefix, topic), znode::path::topic(topic)};
}
ConfigEntity broker_entity(model::BrokerId id) {
  return {fmt::format("{}{}", brokers_prefix, id.value()), std::nullopt};
}
ConfigEntity all_brokers_entity() { return {fmt::format("{}<default>", brokers_prefix), {}}; }

Task<Result<StoredConfigs>> read_configs(runtime::Shard& shard, metadata::Store& store,
                                         ConfigEntity entity) {
  const std::string path = path_of(entity);
  auto ask = [&store, &path] { return store.get(path, Watch::no); };
  auto node = co_await again_while_unknown(shard, std::move(ask));
  if (!node && is(node.error(), StoreError::no_node)) co_return StoredConfigs{};
  if (!node) co_return fail(to_error(node.error(), "reading " + path));
  auto configs = znode::decode_configs(path, node->data);
  if (!configs) co_return fail(std::move(configs.error()));
  StoredConfigs stored{std::move(*configs), node->stat.version};
  co_return stored;
}

Task<Result<ConfigsWritten>> write_configs(metadata::Store& store, ConfigEntity entity,
                                           model::ConfigEntries configs,
                                           std::optional<std::int32_t> read_version) {
  const std::string path = path_of(entity);
  std::vector<znode::Operation> operations;
  if (entity.must_exist) operations.emplace_back(znode::op::Check{*entity.must_exist});
  auto data = znode::encode_configs(configs);
  if (read_version) {
    operations.emplace_back(znode::op::Set{path, std::move(data), *read_version});
  } else {
    operations.emplace_back(znode::op::Create{path, std::move(data), CreateMode::persistent});
  }
  operations.emplace_back(znode::op::Create{std::string(znode::path::config_change_prefix),
                                            znode::encode_config_change(entity.path),
                                            CreateMode::persistent_sequential});
  auto written = co_await store.multi(std::move(operations));
  if (written) co_return ConfigsWritten::yes;
  const StoreFailure& failure = written.error();
  if (entity.must_exist && failure.operation == 0 && is(failure, StoreError::no_node))
    co_return ConfigsWritten::entity_gone;
  const bool is_race = is(failure, StoreError::bad_version) || is(failure, StoreError::no_node) ||
                       is(failure, StoreError::node_exists) || is(failure, StoreError::unknown);
  if (is_race) co_return ConfigsWritten::changed_meanwhile;
  co_return fail(to_error(failure, "writing " + path));
}

Task<StoreResult<ConfigNews>> ConfigNotices::read() {
  auto listed = co_await store_.children(std::string(znode::path::config_changes), Watch::yes);
  if (!listed) co_return tl::unexpected<StoreFailure>(std::move(listed.error()));
  std::map<std::int64_t, Task<StoreResult<NodeData>>> asked;
  for (const auto& name : listed->names) {
    const auto number = notice_number(name);
    if (!number || *number <= last_) continue;
    asked.emplace(*number, store_.get(notice_path(*number), Watch::no));
  }
  ConfigNews news;
  news.brokers = is_first_;
  for (auto& [number, task] : asked) {
    auto notice = co_await std::move(task);
    if (!notice && is(notice.error(), StoreError::no_node)) continue;  // removed as too old
    if (!notice) co_return tl::unexpected<StoreFailure>(std::move(notice.error()));
    news.notices.emplace(number, notice->stat.ctime_ms);
    const auto entity = znode::decode_config_change(notice_path(number), notice->data);
    if (!entity) {
      log::warn(component, "{}", entity.error().detail);
    } else if (entity->starts_with(topics_prefix) && !is_first_) {
      news.topics.insert(entity->substr(topics_prefix.size()));
    } else if (entity->starts_with(brokers_prefix)) {
      news.brokers = true;
    }
  }
  co_return news;
}

Task<void> ConfigNotices::done(ConfigNews news) {
  is_first_ = false;
  if (!news.notices.empty()) last_ = std::max(last_, news.notices.rbegin()->first);
  seen_.merge(news.notices);
  const std::int64_t oldest = shard_.clock().wall_ms() - notice_age_max_ms;
  std::vector<std::pair<std::int64_t, Task<StoreResult<void>>>> removals;
  for (const auto& [number, made] : seen_) {
    if (made < oldest)
      removals.emplace_back(number, store_.remove(znode::op::Delete{notice_path(number)}));
  }
  for (auto& [number, task] : removals) {
    auto removed = co_await std::move(task);
    // What could not be removed is tried again with the next change.
    if (removed || is(removed.error(), StoreError::no_node)) seen_.erase(number);
  }
}

}  // namespace gregor::broker
