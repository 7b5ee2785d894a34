#include "sim/scenario.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <utility>

#include "runtime/simulated/world.h"
#include "sim/fetcher.h"
#include "sim/group_member.h"
#include "sim/group_verifier.h"
#include "sim/idempotent_producer.h"
#include "sim/producer.h"
#include "sim/topic_worker.h"
#include "sim/verifier.h"

namespace gregor::sim {
namespace {

using runtime::simulated::CrashKind;
using std::chrono::milliseconds;

constexpr std::uint32_t worker_number = 1000;
constexpr runtime::Duration quiet_max = std::chrono::seconds(10);
constexpr runtime::Duration check_max = std::chrono::seconds(60);
constexpr int crashes_in_start_max = 2;

const char* name_of(Ending ending) {
  switch (ending) {
    case Ending::clean:
      return "clean stop";
    case Ending::kill:
      return "kill";
    case Ending::power:
      return "power loss";
  }
  return "";
}

Ending to_ending(CrashKind kind) { return kind == CrashKind::power ? Ending::power : Ending::kill; }

// One run. Straight-line code outside of all nodes; clients live on their own node.
class Run {
 public:
  Run(const Settings& settings, TraceSink sink)
      : settings_(settings),
        sink_(std::move(sink)),
        world_(settings.world),
        host_(world_, settings, report_.violations, [this] { fleet_->is_serving = false; }),
        numbers_(world_.split("scenario")) {
    if (sink_.has_events)
      world_.set_trace_sink([this](std::string_view line) { sink_.write(line); });
    auto& node = world_.add_node("clients");
    node.boot(1);
    fleet_ = std::make_unique<Fleet>(world_, node.shard(0), settings, report_.violations);
    verifier_ = std::make_unique<Verifier>(*fleet_);
    group_verifier_ = std::make_unique<GroupVerifier>(*fleet_);
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() {
    world_.node(clients_node).crash(CrashKind::kill);
    world_.node(clients_node).drop_work();
  }

  RunReport run() {
    if (begin()) {
      for (std::uint32_t round = 0; round < settings_.rounds && is_well(); ++round) live_and_die();
      if (is_well()) finish();
    }
    fleet_->stop();
    return report();
  }

 private:
  static constexpr std::uint32_t clients_node = 1;

  [[nodiscard]] bool is_well() const { return report_.violations.empty(); }

  void say(std::string_view text) {
    world_.trace(text);
    if (!sink_.write || sink_.has_events) return;
    const auto since = std::chrono::duration<double>(world_.now() - begin_).count();
    sink_.write(fmt::format("{:9.6f} s  {}", since, text));
  }

  bool begin() {
    fleet_->groups().begin_life(fleet_->now());
    if (host_.start() != HostOutcome::done) return false;
    say("started");
    fleet_->is_serving = true;
    const auto made = world_.run_task(fleet_->shard(), make_topics(), check_max);
    if (!made || !*made) {
      if (is_well()) report_.violations.add("SETUP", "topics could not be made");
      return false;
    }
    make_clients();
    return true;
  }

  runtime::Task<bool> make_topics() {
    for (const TopicPlan& plan : settings_.topics) {
      for (int tries = 0; !fleet_->topics().id_of(plan.name) && tries < 20; ++tries) {
        auto connection = co_await fleet_->connect();
        if (!connection) continue;
        TopicOrder order{plan.name, plan.partitions, plan.configs};
        co_await create_topic(*fleet_, *connection, std::move(order), 4);
        auto topic = co_await await_topic(*fleet_, *connection, plan.name, true);
        if (topic) fleet_->history().add_topic(topic->id, topic->name, topic->partitions);
        (*connection)->close();
      }
      if (!fleet_->topics().id_of(plan.name)) co_return false;
    }
    co_return co_await group_verifier_->prepare();
  }

  void make_clients() {
    std::vector<ProducerTarget> targets;
    std::vector<FetchPosition> positions;
    for (const TopicPlan& plan : settings_.topics) {
      const model::Uuid id = *fleet_->topics().id_of(plan.name);
      for (std::int32_t i = 0; i < plan.partitions; ++i) {
        targets.push_back({plan.name, {{id, i}, plan.has_append_time, plan.is_compressed_anew}});
        positions.push_back({plan.name, {id, i}, model::Offset(0)});
      }
    }
    for (const ProducerPlan& plan : settings_.producers) {
      if (plan.is_idempotent) {
        idempotent_.push_back(std::make_unique<IdempotentProducer>(*fleet_, plan, targets));
        fleet_->tasks().spawn(idempotent_.back()->run());
      } else {
        producers_.push_back(std::make_unique<Producer>(*fleet_, plan, targets));
        fleet_->tasks().spawn(producers_.back()->run());
      }
    }
    std::uint32_t number = 0;
    for (const FetcherPlan& plan : settings_.fetchers) {
      fetchers_.push_back(std::make_unique<Fetcher>(*fleet_, plan, number++, choose(positions)));
      fleet_->tasks().spawn(fetchers_.back()->run());
    }
    for (const GroupPlan& plan : settings_.groups) make_group(plan);
    if (!settings_.has_topic_worker) return;
    worker_ = std::make_unique<TopicWorker>(*fleet_, worker_number);
    fleet_->tasks().spawn(worker_->run());
  }

  void make_group(const GroupPlan& plan) {
    for (std::uint32_t i = 0; i < plan.members; ++i) {
      members_.push_back(std::make_unique<GroupMember>(*fleet_, plan, i));
      fleet_->tasks().spawn(members_.back()->run());
    }
    if (plan.members > 0) return;
    keepers_.push_back(std::make_unique<OffsetKeeper>(*fleet_, plan));
    fleet_->tasks().spawn(keepers_.back()->run());
  }

  std::vector<FetchPosition> choose(const std::vector<FetchPosition>& all) {
    std::vector<FetchPosition> chosen;
    for (const FetchPosition& position : all) {
      if (numbers_.chance(0.7)) chosen.push_back(position);
    }
    if (chosen.empty()) chosen.push_back(all[numbers_.below(all.size())]);
    return chosen;
  }

  // Clients work, then the broker ends in some way, then it comes back and everything is read.
  void live_and_die() {
    fleet_->history().resume();
    fleet_->open_gate();
    const auto length = std::chrono::microseconds(numbers_.between(
        50'000,
        static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(settings_.round_max).count())));
    std::optional<Ending> ending;
    if (numbers_.chance(0.2)) ending = stop(length);
    if (!ending) ending = crash(length);
    say(fmt::format("ended by {}", name_of(*ending)));
    end_life(*ending);
    if (is_well()) come_back();
  }

  void end_life(Ending ending) {
    fleet_->history().end_life(ending);
    fleet_->groups().end_life(ending, fleet_->now());
  }

  [[nodiscard]] CrashKind draw_kind() {
    return numbers_.chance(0.6) ? CrashKind::power : CrashKind::kill;
  }

  // @return nothing if a crash is still to come
  std::optional<Ending> stop(runtime::Duration length) {
    world_.run_for(length);
    say("stopping");
    fleet_->close_gate();
    const bool is_crash_armed = numbers_.chance(0.2);
    if (is_crash_armed) host_.arm_crash(numbers_.between(1, 30), draw_kind());
    const HostOutcome outcome = host_.stop();
    if (outcome == HostOutcome::crashed) return bury_crashed();
    fleet_->start_life();
    if (outcome == HostOutcome::failed || !numbers_.chance(0.5)) return Ending::clean;
    // The machine goes down right after: all is on the disk.
    end_life(Ending::clean);
    host_.crash(CrashKind::power);
    return Ending::power;
  }

  Ending bury_crashed() {
    fleet_->start_life();
    host_.bury();
    return to_ending(host_.crash_kind());
  }

  Ending crash(runtime::Duration length) {
    const CrashKind kind = draw_kind();
    const bool at_operation = numbers_.chance(0.6);
    if (at_operation) {
      // In the middle of a life, at a change of a file.
      const auto before = runtime::Duration(
          static_cast<std::int64_t>(numbers_.below(static_cast<std::uint64_t>(length.count()))));
      world_.run_for(before);
      host_.arm_crash(numbers_.between(1, 60), kind);
    }
    world_.run_while_not([this] { return host_.has_crashed(); }, world_.now() + length);
    if (!host_.has_crashed()) host_.crash(kind);
    fleet_->close_gate();
    return bury_crashed();
  }

  void come_back() {
    world_.run_for(milliseconds(numbers_.below(100)));
    int crashes = 0;
    while (is_well()) {
      const bool crashes_again = crashes < crashes_in_start_max && numbers_.chance(0.3);
      if (crashes_again) host_.arm_crash(numbers_.between(1, 40), draw_kind());
      fleet_->groups().begin_life(fleet_->now());
      HostOutcome outcome = host_.start();
      if (outcome == HostOutcome::failed) return;
      const bool crashes_late = outcome == HostOutcome::done && crashes_again;
      if (crashes_late) {
        // The recovery was shorter than that: once more from its end.
        digest_ = host_.digest();
        digest_may_change_ = false;
        host_.crash(draw_kind());
        outcome = HostOutcome::crashed;
      }
      if (outcome == HostOutcome::done) break;
      ++crashes;
      // What only the cache had may go.
      if (host_.crash_kind() == CrashKind::power) digest_may_change_ = true;
      say(fmt::format("crashed again by {}", name_of(to_ending(host_.crash_kind()))));
      end_life(bury_crashed());
    }
    if (is_well()) check();
  }

  void check() {
    compare_digest();
    if (!make_quiet()) return;
    promise_recovery_points();
    fleet_->groups().resume();
    fleet_->is_serving = true;
    say("started");
    const auto checked = world_.run_task(fleet_->shard(), verifier_->run(), check_max);
    ++report_.checks;
    if ((!checked || !*checked) && is_well())
      report_.violations.add("CHECK", "the log could not be read back");
    if (is_well()) check_groups();
    say("checked");
  }

  void check_groups() {
    auto asking = group_verifier_->check_offsets();
    const auto checked = world_.run_task(fleet_->shard(), std::move(asking), check_max);
    if ((!checked || !*checked) && is_well())
      report_.violations.add("CHECK", "committed offsets could not be read back");
  }

  // Nobody gives a sign of life any more.
  void check_farewell() {
    if (settings_.groups.empty()) return;
    world_.run_for(group_verifier_->farewell());
    auto asking = group_verifier_->check_empty();
    const auto checked = world_.run_task(fleet_->shard(), std::move(asking), check_max);
    if ((!checked || !*checked) && is_well())
      report_.violations.add("CHECK", "groups could not be described");
  }

  // S1: nothing was appended between two recoveries, so they leave the same bytes.
  void compare_digest() {
    const auto before = std::exchange(digest_, std::nullopt);
    if (!before || digest_may_change_) return;
    if (*before != host_.digest())
      report_.violations.add("S1", "a second recovery left another log than the first one");
  }

  // No client may still be told of the life before.
  bool make_quiet() {
    fleet_->cut_connections();
    if (world_.run_while_not([this] { return fleet_->is_idle(); }, world_.now() + quiet_max))
      return true;
    report_.violations.add("SETUP", "clients do not come to rest");
    return false;
  }

  // S2: what a checkpoint says is on the disk is there.
  void promise_recovery_points() {
    const auto points = host_.recovery_points();
    for (const TopicPlan& plan : settings_.topics) {
      for (std::int32_t i = 0; i < plan.partitions; ++i) {
        const auto found = points.find(fmt::format("{}-{}", plan.name, i));
        if (found == points.end()) continue;
        const PartitionKey where{*fleet_->topics().id_of(plan.name), i};
        fleet_->history().partition(where).promise_durable(model::Offset(found->second));
      }
    }
  }

  // The last life ends in order; the log is then the same after a start that reads nothing.
  void finish() {
    fleet_->history().resume();
    fleet_->open_gate();
    world_.run_for(milliseconds(numbers_.below(200)));
    fleet_->close_gate();
    if (!world_.run_while_not([this] { return fleet_->is_idle(); }, world_.now() + quiet_max)) {
      report_.violations.add("L4", "clients do not come to rest though nothing new is asked");
      return;
    }
    check_farewell();
    if (!is_well() || host_.stop() != HostOutcome::done) return;
    fleet_->start_life();
    end_life(Ending::clean);
    say("stopped");
    fleet_->groups().begin_life(fleet_->now());
    if (host_.start() != HostOutcome::done) return;
    check();
  }

  RunReport report() {
    report_.seed = settings_.seed;
    report_.hash = world_.trace_hash();
    report_.disk = host_.counts();
    report_.clients = fleet_->counts();
    report_.acked = fleet_->history().acked_count();
    report_.read = fleet_->history().read_count();
    report_.lost_acked = fleet_->history().lost_count();
    report_.steps = world_.step_count();
    report_.virtual_seconds = std::chrono::duration<double>(world_.now() - begin_).count();
    report_.settings = settings_.describe();
    return std::move(report_);
  }

  const Settings& settings_;
  RunReport report_;
  TraceSink sink_;
  // In this order: what runs on the shards is destroyed before the world.
  runtime::simulated::World world_;
  const runtime::Instant begin_ = world_.now();
  BrokerHost host_;
  runtime::simulated::Prng numbers_;
  std::vector<std::unique_ptr<Producer>> producers_;
  std::vector<std::unique_ptr<IdempotentProducer>> idempotent_;
  std::vector<std::unique_ptr<Fetcher>> fetchers_;
  std::unique_ptr<TopicWorker> worker_;
  std::vector<std::unique_ptr<GroupMember>> members_;
  std::vector<std::unique_ptr<OffsetKeeper>> keepers_;
  std::unique_ptr<Verifier> verifier_;
  std::unique_ptr<GroupVerifier> group_verifier_;
  std::unique_ptr<Fleet> fleet_;
  std::optional<std::uint64_t> digest_;
  bool digest_may_change_ = false;
};

}  // namespace

RunReport run_scenario(const Settings& settings, TraceSink sink) {
  return Run(settings, std::move(sink)).run();
}

}  // namespace gregor::sim
