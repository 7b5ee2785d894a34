#include "broker/handlers/fetch.h"

#include <chrono>
#include <utility>

#include "broker/handlers/fetch_plan.h"

namespace gregor::broker {
namespace {

using Request = protocol::FetchRequest;
using Response = protocol::FetchResponse;

bool asks_for_unknown_session(const Request& request) {
  const bool is_full = request.session_epoch == 0 || request.session_epoch == -1;
  return !is_full;
}

Response isolation_refused(const Request& request) {
  Response response;
  response.error_code = ErrorCode::unknown_server_error;
  for (const auto& topic : request.topics) {
    Response::FetchableTopicResponse row;
    row.topic = topic.topic;
    row.topic_id = topic.topic_id;
    for (const auto& partition : topic.partitions) {
      Response::PartitionData data;
      data.partition_index = partition.partition;
      data.error_code = ErrorCode::unknown_server_error;
      data.high_watermark = -1;
      data.records = protocol::Records{};
      row.partitions.push_back(std::move(data));
    }
    response.responses.push_back(std::move(row));
  }
  return response;
}

runtime::Task<std::vector<FetchAnswer>> read_all(BrokerShard& home, std::span<FetchPart> parts) {
  auto owner = [&home](const FetchPart& part) { return home.owner(part.topic, part.index); };
  auto work = [&home](runtime::ShardId target, std::span<FetchPart* const> group) {
    return read_parts(home.peer(target), group);
  };
  co_return co_await scatter<FetchAnswer>(home.shard(), parts, owner, work);
}

runtime::Task<std::vector<bool>> arm_group(BrokerShard& shard, NoticeId notice,
                                           std::uint64_t bytes_wanted,
                                           std::span<FetchPart* const> parts) {
  arm_notice(shard, notice, bytes_wanted, parts);
  co_return std::vector<bool>();
}

// Waits for `bytes_wanted` more bytes, the deadline or the peer's going. @return false when there
// is no point in reading again.
runtime::Task<bool> park(RequestContext& context, std::span<FetchPart> parts,
                         std::uint64_t bytes_wanted, runtime::Instant deadline) {
  BrokerShard& home = context.shard;
  runtime::OneShot signal(home.shard());
  const NoticeId notice = home.parked().add(signal);
  context.connection.disconnect->add(&signal);
  auto owner = [&home](const FetchPart& part) { return home.owner(part.topic, part.index); };
  auto arm = [&home, notice, bytes_wanted](runtime::ShardId target,
                                           std::span<FetchPart* const> group) {
    return arm_group(home.peer(target), notice, bytes_wanted, group);
  };
  co_await scatter<bool>(home.shard(), parts, owner, arm);
  const bool woken = co_await signal.wait_until(deadline);
  context.connection.disconnect->remove(&signal);
  home.parked().remove(notice);
  for (std::uint32_t i = 0; i < home.shard().count(); ++i) {
    BrokerShard* armed = &home.peer(runtime::ShardId(i));
    armed->shard().post([armed, notice] { armed->notices().disarm(notice); });
  }
  co_return woken && !context.connection.disconnect->is_set();
}

bool any_failed(const std::vector<FetchAnswer>& answers) {
  for (const FetchAnswer& answer : answers) {
    if (answer.error != ErrorCode::none || answer.diverging) return true;
  }
  return false;
}

}  // namespace

runtime::Task<protocol::FetchResponse> FetchHandler::handle(RequestContext& context,
                                                            protocol::FetchRequest request) {
  if (asks_for_unknown_session(request)) {
    Response response;
    response.error_code = ErrorCode::fetch_session_id_not_found;
    co_return response;
  }
  if (request.isolation_level != 0 && request.isolation_level != 1)
    co_return isolation_refused(request);

  FetchPlan plan(context, request);
  BrokerShard& home = context.shard;
  const runtime::Instant deadline =
      home.shard().clock().now() + std::chrono::milliseconds(request.max_wait_ms);
  for (bool wait = !plan.answers_at_once();;) {
    std::vector<FetchAnswer> answers = co_await read_all(home, plan.parts());
    const std::uint64_t bytes = plan.limit(answers);
    if (!wait || bytes >= plan.bytes_min() || any_failed(answers))
      co_return plan.respond(std::move(answers));
    for (std::size_t i = 0; i < answers.size(); ++i)
      plan.parts()[i].seen = answers[i].high_watermark;
    wait = co_await park(context, plan.parts(), plan.bytes_missing(bytes), deadline);
  }
}

}  // namespace gregor::broker
