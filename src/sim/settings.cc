#include "sim/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "runtime/simulated/prng.h"

namespace gregor::sim {
namespace {

using runtime::simulated::Prng;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::int64_t small_segment_bytes = 4 * 1024;
// What is left of a segment for one batch, so that its header and a codec that does not compress
// fit.
constexpr std::size_t batch_overhead_bytes = 512;

double maybe(Prng& prng, double highest) {
  const bool is_on = prng.chance(0.5);
  const double part = static_cast<double>(prng.between(1, 1000)) / 1000;
  return is_on ? highest * part : 0;
}

runtime::simulated::DelayRange draw_range(Prng& prng, std::uint64_t min_us, std::uint64_t max_us) {
  const std::uint64_t from = prng.between(min_us, max_us);
  const std::uint64_t to = prng.between(from, max_us);
  return {microseconds(from), microseconds(to)};
}

template <class T, std::size_t N>
T pick(Prng& prng, const std::array<T, N>& choices) {
  return choices[prng.below(N)];
}

void draw_world(Prng& prng, Settings& settings) {
  auto& world = settings.world;
  world.seed = settings.seed;
  world.mailbox_delay = draw_range(prng, 0, 50);
  world.network_delay =
      draw_range(prng, 20, pick(prng, std::array<std::uint64_t, 3>{100, 1'000, 4'000}));
  world.io_delay =
      draw_range(prng, 10, pick(prng, std::array<std::uint64_t, 3>{100, 1'000, 8'000}));
  world.split_probability = maybe(prng, 0.5);
  world.suspend_probability = maybe(prng, 0.3);
  world.reset_probability = maybe(prng, 0.001);
  world.refuse_probability = maybe(prng, 0.05);
  world.half_open_probability = maybe(prng, 0.5);
  world.slow_disk_probability = maybe(prng, 0.005);
  world.slow_disk_delay = milliseconds(prng.between(20, 200));
  world.not_resident_probability = maybe(prng, 0.3);
  settings.store.seed = settings.seed;
  settings.store.delay_min = microseconds(prng.below(200));
  settings.store.delay_max = settings.store.delay_min + microseconds(prng.below(2'000));
  if (prng.chance(0.3)) {
    settings.store.connection_loss_ppm = static_cast<std::uint32_t>(prng.between(1'000, 20'000));
    settings.store.reconnect_after = milliseconds(prng.below(100));
  }
}

void draw_bounds(Settings& settings) {
  const auto& world = settings.world;
  const bool is_slow = world.slow_disk_probability > 0;
  settings.slack = 20 * world.network_delay.max + 20 * world.io_delay.max + milliseconds(200) +
                   (is_slow ? 4 * world.slow_disk_delay : runtime::Duration(0));
  settings.long_poll = std::chrono::ceil<milliseconds>(settings.slack) + milliseconds(500);
}

std::int64_t draw_broker(Prng& prng, Settings& settings) {
  const auto segment_bytes =
      static_cast<std::int64_t>(prng.between(small_segment_bytes, 64 * 1024));
  settings.is_flushed_each = prng.chance(0.5);
  settings.log_dirs = {"/data/a"};
  if (prng.chance(0.3)) settings.log_dirs.push_back("/data/b");
  auto set = [&settings](std::string_view key, auto value) {
    settings.broker.push_back(fmt::format("{}={}", key, value));
  };
  set("listeners", "PLAINTEXT://0.0.0.0:9092");
  set("advertised.listeners", "PLAINTEXT://broker:9092");
  set("http.listeners", "");
  set("log.dirs", fmt::format("{}", fmt::join(settings.log_dirs, ",")));
  set("log.segment.bytes", segment_bytes);
  set("log.index.interval.bytes", pick(prng, std::array<int, 4>{0, 64, 1024, 4096}));
  if (prng.chance(0.2)) set("log.index.size.max.bytes", prng.between(24, 400));
  if (prng.chance(0.3)) set("log.roll.ms", prng.between(200, 2'000));
  if (settings.is_flushed_each) {
    set("log.flush.interval.messages", 1);
  } else if (prng.chance(0.2)) {
    set("log.flush.interval.messages", prng.between(2, 50));
  }
  set("log.segment.delete.delay.ms", prng.below(1'000));
  set("replica.high.watermark.checkpoint.interval.ms", prng.between(100, 5'000));
  set("num.recovery.threads.per.data.dir", prng.between(1, 4));
  set("gregor.max.pipelined.requests", prng.between(1, 16));
  // Hardly any, a few, more, as many as there are; and a scrub that never ends.
  set("gregor.log.file.descriptors.max",
      std::array<int, 5>{0, 60, 240, 600, -1}[settings.seed % 5]);
  set("gregor.scrub.interval.ms", 500);
  set("log.initial.task.delay.ms", settings.seed % 2 == 0 ? 100 : 30'000);
  settings.makes_topics = prng.chance(0.5);
  set("auto.create.topics.enable", settings.makes_topics ? "true" : "false");
  return segment_bytes;
}

void draw_topics(Prng& prng, Settings& settings) {
  const std::uint64_t count = prng.between(1, 2);
  for (std::uint64_t i = 0; i < count; ++i) {
    TopicPlan topic;
    topic.name = fmt::format("events-{}", i);
    topic.partitions = static_cast<std::int32_t>(prng.between(1, 4));
    if (prng.chance(0.15)) {
      topic.has_append_time = true;
      topic.configs.emplace_back("message.timestamp.type", "LogAppendTime");
    }
    if (prng.chance(0.15)) {
      topic.is_compressed_anew = true;
      topic.configs.emplace_back("compression.type",
                                 pick(prng, std::array<const char*, 3>{"lz4", "zstd", "gzip"}));
    }
    settings.topics.push_back(std::move(topic));
  }
}

void draw_producers(Prng& prng, Settings& settings) {
  constexpr std::array<model::Codec, 8> codecs{
      model::Codec::none, model::Codec::none,   model::Codec::none, model::Codec::none,
      model::Codec::gzip, model::Codec::snappy, model::Codec::lz4,  model::Codec::zstd};
  const std::uint64_t count = prng.between(1, 3);
  for (std::uint64_t i = 0; i < count; ++i) {
    ProducerPlan plan;
    plan.number = static_cast<std::uint32_t>(i + 1);
    plan.acks = pick(prng, std::array<std::int16_t, 5>{-1, -1, 1, 1, 0});
    plan.codec = pick(prng, codecs);
    plan.requests_in_flight_max = prng.between(1, 6);
    plan.records_max = static_cast<std::int32_t>(prng.between(1, 20));
    plan.payload_bytes_max = prng.between(20, 1'500);
    plan.partitions_max = prng.between(1, 3);
    plan.pause_max = microseconds(prng.between(1'000, 40'000));
    plan.invalid_probability = plan.acks != 0 ? maybe(prng, 0.05) : 0;
    settings.producers.push_back(plan);
  }
}

void draw_idempotence(Prng& prng, Settings& settings) {
  for (ProducerPlan& plan : settings.producers) {
    plan.is_idempotent = prng.chance(0.5);
    if (!plan.is_idempotent) continue;
    plan.acks = -1;
    // The broker knows the last five batches of a producer.
    plan.requests_in_flight_max = prng.between(1, 5);
    plan.invalid_probability = 0;
  }
}

void draw_fetchers(Prng& prng, Settings& settings) {
  const std::uint64_t count = prng.between(1, 3);
  for (std::uint64_t i = 0; i < count; ++i) {
    FetcherPlan plan;
    if (prng.chance(0.2)) plan.bytes_min = static_cast<std::int32_t>(prng.between(2, 5'000));
    if (prng.chance(0.3)) plan.bytes_max = static_cast<std::int32_t>(prng.between(1, 20'000));
    if (prng.chance(0.3))
      plan.partition_bytes_max = static_cast<std::int32_t>(prng.between(1, 20'000));
    plan.rewind_probability = maybe(prng, 0.1);
    settings.fetchers.push_back(plan);
  }
}

void draw_groups(Prng& prng, Settings& settings) {
  if (prng.chance(0.4)) return;
  auto set = [&settings](std::string_view key, auto value) {
    settings.broker.push_back(fmt::format("{}={}", key, value));
  };
  settings.initial_rebalance_delay = milliseconds(prng.chance(0.5) ? 0 : prng.between(1, 100));
  set("group.initial.rebalance.delay.ms",
      std::chrono::duration_cast<milliseconds>(settings.initial_rebalance_delay).count());
  set("group.min.session.timeout.ms", 1);
  set("offsets.topic.num.partitions", prng.between(1, 3));
  set("offsets.topic.segment.bytes", prng.between(small_segment_bytes, 64 * 1024));
  if (prng.chance(0.3)) set("offsets.topic.compression.codec", prng.between(1, 4));
  if (prng.chance(0.5)) set("offsets.load.buffer.size", prng.between(1, 2'000));
  // Long time-outs outlive a restart; short ones end while the members are still there.
  const bool is_patient = prng.chance(0.5);
  const std::uint64_t longest_ms = is_patient ? 2'500 : 600;
  const std::uint64_t count = prng.between(1, 2);
  for (std::uint64_t i = 0; i < count; ++i) {
    const TopicPlan& topic = settings.topics[prng.below(settings.topics.size())];
    GroupPlan group;
    group.name = fmt::format("readers-{}", i);
    group.topic = topic.name;
    group.partitions = topic.partitions;
    group.members = static_cast<std::uint32_t>(prng.below(5));
    group.session_timeout = milliseconds(prng.between(longest_ms / 4, longest_ms));
    group.rebalance_timeout = milliseconds(prng.between(longest_ms / 4, longest_ms));
    group.slow_probability = maybe(prng, 0.05);
    group.leave_probability = maybe(prng, 0.05);
    group.die_probability = maybe(prng, 0.03);
    settings.groups.push_back(std::move(group));
  }
}

void draw_static_members(Prng& prng, Settings& settings) {
  for (GroupPlan& group : settings.groups) {
    const bool has_static = prng.chance(0.5);
    const std::uint64_t count = prng.between(1, 4);
    if (!has_static || group.members == 0) continue;
    group.static_members = std::min(group.members, static_cast<std::uint32_t>(count));
    group.die_probability = std::max(group.die_probability, 0.03);
  }
}

}  // namespace

Settings Settings::draw(std::uint64_t seed) {
  Settings settings;
  settings.seed = seed;
  // A stream for each part, so that one more draw in one does not shift the others.
  Prng world(runtime::simulated::derive_seed(seed, "settings.world"));
  draw_world(world, settings);
  draw_bounds(settings);
  Prng broker(runtime::simulated::derive_seed(seed, "settings.broker"));
  const std::int64_t segment_bytes = draw_broker(broker, settings);
  settings.batch_bytes_max = static_cast<std::size_t>(segment_bytes) - batch_overhead_bytes;
  Prng topics(runtime::simulated::derive_seed(seed, "settings.topics"));
  draw_topics(topics, settings);
  Prng clients(runtime::simulated::derive_seed(seed, "settings.clients"));
  draw_producers(clients, settings);
  draw_fetchers(clients, settings);
  Prng idempotence(runtime::simulated::derive_seed(seed, "settings.idempotence"));
  draw_idempotence(idempotence, settings);
  Prng groups(runtime::simulated::derive_seed(seed, "settings.groups"));
  draw_groups(groups, settings);
  Prng statics(runtime::simulated::derive_seed(seed, "settings.static members"));
  draw_static_members(statics, settings);
  Prng scenario(runtime::simulated::derive_seed(seed, "settings.scenario"));
  settings.has_topic_worker = scenario.chance(0.6);
  settings.rounds = static_cast<std::uint32_t>(scenario.between(2, 4));
  settings.round_max = milliseconds(scenario.between(300, 1'500));
  return settings;
}

std::string Settings::describe() const {
  std::string text = fmt::format(
      "{} topics, {} producers ({} with ids), {} fetchers{}, {} rounds of at most {} ms, network "
      "{}-{} us, io "
      "{}-{} us",
      topics.size(), producers.size(),
      std::count_if(producers.begin(), producers.end(),
                    [](const ProducerPlan& plan) { return plan.is_idempotent; }),
      fetchers.size(), has_topic_worker ? ", topics made and deleted" : "", rounds,
      std::chrono::duration_cast<milliseconds>(round_max).count(),
      std::chrono::duration_cast<microseconds>(world.network_delay.min).count(),
      std::chrono::duration_cast<microseconds>(world.network_delay.max).count(),
      std::chrono::duration_cast<microseconds>(world.io_delay.min).count(),
      std::chrono::duration_cast<microseconds>(world.io_delay.max).count());
  for (const TopicPlan& topic : topics) {
    text += fmt::format("; {} with {} partitions", topic.name, topic.partitions);
    for (const auto& [key, value] : topic.configs) text += fmt::format(" {}={}", key, value);
  }
  for (const GroupPlan& group : groups) {
    text += fmt::format("; {} of {} with {} members ({} static), session {} ms, rebalance {} ms",
                        group.name, group.topic, group.members, group.static_members,
                        std::chrono::duration_cast<milliseconds>(group.session_timeout).count(),
                        std::chrono::duration_cast<milliseconds>(group.rebalance_timeout).count());
  }
  for (const std::string& setting : broker) text += "; " + setting;
  return text;
}

}  // namespace gregor::sim
