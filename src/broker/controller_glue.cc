#include "broker/controller_glue.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "broker/controller_effects.h"
#include "broker/partition_creation.h"
#include "broker/store_calls.h"
#include "znode/path.h"
#include "znode/topic_node.h"

namespace gregor::broker {
namespace {

using controller::DeletionPlan;
using controller::TopicPlan;
using metadata::StoreFailure;
using metadata::StoreResult;
using metadata::Watch;
using runtime::Task;
using znode::StoreError;

using MultiTask = Task<StoreResult<std::vector<znode::OperationResult>>>;

TopicCreated answer_of(const TopicPlan& plan) {
  TopicCreated answer;
  answer.name = plan.name;
  answer.error = plan.error;
  answer.message = plan.message;
  return answer;
}

void succeed(TopicCreated& answer, const TopicPlan& plan, const model::Uuid& id) {
  answer.error = ErrorCode::none;
  answer.message.clear();
  answer.id = id;
  answer.partitions = static_cast<std::int32_t>(plan.assignment.size());
  answer.replication_factor = static_cast<std::int16_t>(plan.assignment.front().size());
  answer.configs = plan.configs;
}

// Nothing is looked at any more. Source: answers of Apache Kafka 4.1.1.
std::vector<TopicCreated> all_too_late(const std::vector<controller::TopicRequest>& topics) {
  std::vector<TopicCreated> answers(topics.size());
  for (std::size_t i = 0; i < topics.size(); ++i) {
    answers[i].name = topics[i].name;
    answers[i].error = ErrorCode::request_timed_out;
  }
  return answers;
}

std::vector<TopicDeleted> all_too_late(const std::vector<controller::DeletionRequest>& topics) {
  std::vector<TopicDeleted> answers;
  for (const auto& topic : topics)
    answers.push_back({topic.name, topic.id, ErrorCode::request_timed_out, ""});
  return answers;
}

bool has_leaders(const model::ClusterImage& image, const model::Uuid& id) {
  const auto* topic = image.find(id);
  if (topic == nullptr) return false;
  return std::all_of(topic->partitions.begin(), topic->partitions.end(),
                     [](const auto& p) { return p.leader.value() >= 0; });
}

}  // namespace

class ControllerService::State {
 public:
  State(runtime::Shard& shard, metadata::Store& store, PartitionHost& host,
        const controller::TopicConfigRules& rules, ControllerSettings settings)
      : shard_(shard),
        store_(store),
        rules_(rules),
        settings_(std::move(settings)),
        effects_(shard, store, host) {
    store.on_watch([this](const znode::WatchEvent& event) { effects_.on_watch(event); });
    store.on_session([this](znode::SessionEvent event) { effects_.on_session(event); });
    effects_.controller().set_deletion_enabled(settings_.delete_topic_enable);
  }
  ~State() {
    store_.on_watch({});
    store_.on_session({});
  }

  Task<Result<StoreFacts>> prepare(std::string cluster_id_if_new);
  Task<Result<void>> start(std::vector<model::BrokerEndpoint> endpoints, bool crashed);
  Task<std::vector<TopicCreated>> create_topics(std::vector<controller::TopicRequest> topics,
                                                CreateOptions options);
  Task<std::vector<TopicDeleted>> delete_topics(std::vector<controller::DeletionRequest> topics,
                                                runtime::Instant deadline);

  runtime::Shard& shard_;
  metadata::Store& store_;
  const controller::TopicConfigRules& rules_;
  ControllerSettings settings_;
  ControllerEffects effects_;
  std::int64_t broker_epoch_ = -1;

 private:
  /// One topic that is being created.
  struct Creation {
    TopicPlan plan;
    TopicCreated answer;
    model::Uuid id;
    bool written = false;
    bool config_is_there = false;  // left behind by a creation that was cut short
  };

  Task<Result<Office>> register_and_elect();
  [[nodiscard]] controller::TopicRulesContext rules_context();
  [[nodiscard]] bool is_past(runtime::Instant deadline) { return shard_.clock().now() >= deadline; }
  MultiTask ask_creation(const Creation& creation);
  Task<void> write_topics(std::vector<Creation>& creations, runtime::Instant deadline);
  Task<bool> write_topics_once(std::vector<Creation>& creations);
  Task<void> wait_for_leaders(std::vector<Creation>& creations, runtime::Instant deadline);
  Task<void> request_deletions(const std::vector<DeletionPlan>& plans,
                               std::set<std::string>& requested);
  [[nodiscard]] bool is_gone(const DeletionPlan& plan);

  std::optional<metadata::NodeData> controller_epoch_;  // as prepare() has read it
  std::set<std::string> creating_;
};

Task<Result<StoreFacts>> ControllerService::State::prepare(std::string cluster_id_if_new) {
  if (cluster_id_if_new.empty()) cluster_id_if_new = model::Uuid::make(shard_.random()).to_string();
  auto base = co_await make_base(shard_, store_, std::move(cluster_id_if_new));
  if (!base) co_return fail(base.error());
  model::ClusterImage::Builder builder(*effects_.image());
  builder.set_cluster_id(base->cluster_id);
  effects_.set_image(builder.build());
  StoreFacts facts;
  facts.cluster_id = std::move(base->cluster_id);
  facts.was_empty = !base->controller_epoch;
  facts.topics = base->topics;
  controller_epoch_ = std::move(base->controller_epoch);
  co_return facts;
}

Task<Result<Office>> ControllerService::State::register_and_elect() {
  znode::BrokerRegistration registration;
  registration.endpoints = settings_.endpoints;
  registration.security_protocols = settings_.listener_security_protocols;
  registration.rack = settings_.rack;
  registration.timestamp_ms = shard_.clock().wall_ms();
  auto quick =
      co_await take_office(shard_, store_, settings_.broker_id, registration, controller_epoch_);
  if (quick) co_return *quick;
  auto epoch =
      co_await register_broker(shard_, store_, settings_.broker_id, std::move(registration));
  if (!epoch) co_return fail(epoch.error());
  auto election = co_await elect_controller(shard_, store_, settings_.broker_id);
  if (!election) co_return fail(election.error());
  co_return Office{*epoch, *election};
}

Task<Result<void>> ControllerService::State::start(std::vector<model::BrokerEndpoint> endpoints,
                                                   bool crashed) {
  if (!endpoints.empty()) settings_.endpoints = std::move(endpoints);
  auto office = co_await register_and_elect();
  if (!office) co_return fail(office.error());
  broker_epoch_ = office->broker_epoch;
  std::set<model::BrokerId> restarted;
  if (crashed) restarted.insert(settings_.broker_id);
  effects_.start(settings_.broker_id, office->election, std::move(restarted));
  const bool in_office = co_await effects_.settled();
  if (!in_office)
    co_return fail(ErrorCode::not_controller, "the controller could not start its work");
  log::info("controller", "controller epoch {}, broker epoch {}, {} topics",
            office->election.epoch.value(), broker_epoch_, effects_.image()->topic_count());
  co_return Result<void>{};
}

controller::TopicRulesContext ControllerService::State::rules_context() {
  controller::TopicRulesContext context;
  for (const auto& [id, broker] : effects_.image()->brokers())
    context.brokers.push_back({id, broker.rack});
  context.default_partitions = settings_.default_partitions;
  context.default_replication_factor = settings_.default_replication_factor;
  context.configs = &rules_;
  context.exists = [this](const std::string& name) {
    return creating_.contains(name) || effects_.controller().state().topics.contains(name);
  };
  context.colliding = [this](const std::string& name) -> std::string {
    const auto* other = effects_.image()->find_colliding(name);
    return other == nullptr ? "" : other->name;
  };
  context.draw_below = [this](std::uint64_t end) { return shard_.random().below(end); };
  return context;
}

Task<std::vector<TopicCreated>> ControllerService::State::create_topics(
    std::vector<controller::TopicRequest> topics, CreateOptions options) {
  if (is_past(options.deadline)) co_return all_too_late(topics);
  std::vector<Creation> creations;
  for (auto& plan : controller::plan_topics(topics, rules_context())) {
    Creation creation;
    creation.answer = answer_of(plan);
    creation.plan = std::move(plan);
    if (creation.plan.ok()) creation.id = model::Uuid::make(shard_.random());
    creations.push_back(std::move(creation));
  }
  if (options.validate_only) {
    for (auto& each : creations) {
      if (each.plan.ok()) succeed(each.answer, each.plan, each.id);
    }
  } else {
    for (const auto& each : creations) {
      if (each.plan.ok()) creating_.insert(each.plan.name);
    }
    co_await write_topics(creations, options.deadline);
    co_await wait_for_leaders(creations, options.deadline);
    for (const auto& each : creations) {
      if (each.plan.ok()) creating_.erase(each.plan.name);
    }
  }
  std::vector<TopicCreated> answers;
  for (auto& each : creations) answers.push_back(std::move(each.answer));
  co_return answers;
}

MultiTask ControllerService::State::ask_creation(const Creation& creation) {
  const auto& plan = creation.plan;
  znode::TopicAssignment assignment;
  assignment.topic_id = creation.id;
  for (std::size_t i = 0; i < plan.assignment.size(); ++i) {
    assignment.partitions[model::PartitionIndex(static_cast<std::int32_t>(i))] = plan.assignment[i];
  }
  const auto config_path = znode::path::topic_config(plan.name);
  auto configs = znode::encode_configs(plan.configs);
  std::vector<znode::Operation> operations;
  if (creation.config_is_there) {
    operations.emplace_back(znode::op::Set{config_path, std::move(configs)});
  } else {
    operations.emplace_back(
        znode::op::Create{config_path, std::move(configs), znode::CreateMode::persistent});
  }
  operations.emplace_back(znode::op::Create{
      znode::path::topic(plan.name), znode::encode(assignment), znode::CreateMode::persistent});
  return store_.multi(std::move(operations));
}

Task<void> ControllerService::State::write_topics(std::vector<Creation>& creations,
                                                  runtime::Instant deadline) {
  for (;;) {
    const bool all = co_await write_topics_once(creations);
    if (all) co_return;
    if (is_past(deadline)) break;
    co_await pause(shard_);
  }
  for (auto& each : creations) {
    if (each.answer.error == ErrorCode::none && !each.written)
      each.answer.error = ErrorCode::request_timed_out;
  }
}

// Asks for all topics that have no outcome yet. @return true if all have one now.
Task<bool> ControllerService::State::write_topics_once(std::vector<Creation>& creations) {
  std::vector<std::pair<Creation*, MultiTask>> asked;
  for (auto& each : creations) {
    if (each.answer.error == ErrorCode::none && !each.written)
      asked.emplace_back(&each, ask_creation(each));
  }
  bool all = true;
  for (auto& [creation, task] : asked) {
    auto result = co_await std::move(task);
    if (result) {
      creation->written = true;
    } else if (is(result.error(), StoreError::node_exists) && result.error().operation == 0) {
      creation->config_is_there = true;
      all = false;
    } else if (is(result.error(), StoreError::node_exists)) {
      // Also the second try of one whose first had an unknown outcome.
      auto there = co_await store_.get(znode::path::topic(creation->plan.name), Watch::no);
      if (!there) {  // unknown, or gone meanwhile
        all = false;
        continue;
      }
      const auto node = znode::decode_topic("", there->data);
      creation->written = node && node->topic_id == creation->id;
      if (creation->written) continue;
      creation->answer.error = ErrorCode::topic_already_exists;
      creation->answer.message = "Topic '" + creation->plan.name + "' already exists.";
    } else if (is(result.error(), StoreError::unknown) || is(result.error(), StoreError::no_node)) {
      creation->config_is_there = false;
      all = false;
    } else {
      auto error = to_error(result.error(), "creating topic " + creation->plan.name);
      creation->answer.error = error.code;
      creation->answer.message = std::move(error.detail);
    }
  }
  co_return all;
}

Task<void> ControllerService::State::wait_for_leaders(std::vector<Creation>& creations,
                                                      runtime::Instant deadline) {
  bool waiting = true;
  for (bool in_time = true; waiting && in_time;) {
    waiting = false;
    for (auto& each : creations) {
      if (!each.written || !each.answer.id.is_zero()) continue;
      if (has_leaders(*effects_.image(), each.id)) {
        succeed(each.answer, each.plan, each.id);
      } else {
        waiting = true;
      }
    }
    if (waiting) in_time = co_await effects_.changed_until(deadline);
  }
  for (auto& each : creations) {
    if (each.written && each.answer.id.is_zero()) each.answer.error = ErrorCode::request_timed_out;
  }
}

bool ControllerService::State::is_gone(const DeletionPlan& plan) {
  const auto& topics = effects_.controller().state().topics;
  const auto topic = topics.find(*plan.name);
  return effects_.image()->find(plan.id) == nullptr &&
         (topic == topics.end() || topic->second.id != plan.id);
}

Task<void> ControllerService::State::request_deletions(const std::vector<DeletionPlan>& plans,
                                                       std::set<std::string>& requested) {
  std::vector<std::pair<std::string, Task<StoreResult<znode::OperationResult>>>> asked;
  for (const auto& plan : plans) {
    if (plan.error != ErrorCode::none || requested.contains(*plan.name) || is_gone(plan)) continue;
    znode::op::Create create{znode::path::delete_topic(*plan.name), "",
                             znode::CreateMode::persistent};
    asked.emplace_back(*plan.name, store_.create(std::move(create)));
  }
  for (auto& [name, task] : asked) {
    auto made = co_await std::move(task);
    if (made || is(made.error(), StoreError::node_exists)) requested.insert(name);
  }
}

Task<std::vector<TopicDeleted>> ControllerService::State::delete_topics(
    std::vector<controller::DeletionRequest> topics, runtime::Instant deadline) {
  if (is_past(deadline)) co_return all_too_late(topics);
  controller::DeletionContext context;
  context.enabled = settings_.delete_topic_enable;
  context.id_of = [this](const std::string& name) -> std::optional<model::Uuid> {
    const auto* topic = effects_.image()->find(name);
    return topic == nullptr ? std::nullopt : std::optional(topic->id);
  };
  context.name_of = [this](const model::Uuid& id) -> std::optional<std::string> {
    const auto* topic = effects_.image()->find(id);
    return topic == nullptr ? std::nullopt : std::optional(topic->name);
  };
  auto plans = controller::plan_deletions(topics, context);
  std::set<std::string> requested;
  const auto waits = [this](const DeletionPlan& plan) {
    return plan.error == ErrorCode::none && !is_gone(plan);
  };
  while (std::any_of(plans.begin(), plans.end(), waits)) {
    const auto before = requested.size();
    co_await request_deletions(plans, requested);
    if (std::none_of(plans.begin(), plans.end(), waits)) break;
    // While an outcome is unknown the request is made again after a pause.
    const bool all = std::all_of(plans.begin(), plans.end(), [&](const auto& p) {
      return !waits(p) || requested.contains(*p.name);
    });
    if (!all && before == requested.size()) co_await pause(shard_);
    const auto until = all ? deadline : std::min(deadline, shard_.clock().now() + store_pause);
    co_await effects_.changed_until(until);
    if (is_past(deadline)) break;
  }
  std::vector<TopicDeleted> answers;
  for (auto& plan : plans) {
    const bool late = waits(plan);
    answers.push_back(
        {plan.name, plan.id, late ? ErrorCode::request_timed_out : plan.error, plan.message});
  }
  co_return answers;
}

ControllerService::ControllerService(runtime::Shard& shard, metadata::Store& store,
                                     PartitionHost& host, const controller::TopicConfigRules& rules,
                                     ControllerSettings settings)
    : state_(std::make_unique<State>(shard, store, host, rules, std::move(settings))) {}

ControllerService::~ControllerService() = default;

Task<Result<StoreFacts>> ControllerService::prepare(std::string cluster_id_if_new) {
  return state_->prepare(std::move(cluster_id_if_new));
}

Task<Result<void>> ControllerService::adopt_partitions(std::vector<AdoptedPartition> partitions) {
  return adopt(state_->shard_, state_->store_, state_->settings_.broker_id, std::move(partitions));
}

Task<Result<void>> ControllerService::start(std::vector<model::BrokerEndpoint> endpoints,
                                            bool crashed) {
  return state_->start(std::move(endpoints), crashed);
}

Task<std::vector<TopicCreated>> ControllerService::create_topics(
    std::vector<controller::TopicRequest> topics, CreateOptions options) {
  return state_->create_topics(std::move(topics), options);
}

Task<std::vector<PartitionsCreated>> ControllerService::create_partitions(
    std::vector<controller::PartitionsRequest> topics, CreateOptions options) {
  PartitionCreation creation(state_->shard_, state_->store_, state_->effects_);
  co_return co_await creation.run(std::move(topics), options);
}

Task<std::vector<TopicDeleted>> ControllerService::delete_topics(
    std::vector<controller::DeletionRequest> topics, runtime::Instant deadline) {
  return state_->delete_topics(std::move(topics), deadline);
}

Task<void> ControllerService::apply_config_changes() {
  return state_->effects_.apply_config_changes();
}
std::shared_ptr<const model::ClusterImage> ControllerService::image() const {
  return state_->effects_.image();
}

std::int64_t ControllerService::broker_epoch() const { return state_->broker_epoch_; }

Task<void> ControllerService::stop() { return state_->effects_.stop(); }

}  // namespace gregor::broker
