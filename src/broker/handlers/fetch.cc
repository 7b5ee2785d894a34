#include "broker/handlers/fetch.h"

#include <chrono>
#include <utility>

#include "broker/handlers/fetch_opening.h"
#include "broker/handlers/fetch_plan.h"

namespace gregor::broker {
namespace {

using Request = protocol::FetchRequest;
using Response = protocol::FetchResponse;

Response failed(ErrorCode error) {
  Response response;
  response.error_code = error;
  return response;
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

// What is there, waiting for it as long as the request says.
runtime::Task<std::vector<FetchAnswer>> read_and_wait(RequestContext& context,
                                                      const Request& request, FetchPlan& plan) {
  BrokerShard& home = context.shard;
  const runtime::Instant deadline =
      home.shard().clock().now() + std::chrono::milliseconds(request.max_wait_ms);
  for (bool wait = !plan.answers_at_once();;) {
    std::vector<FetchAnswer> answers = co_await read_all(home, plan.parts());
    const std::uint64_t bytes = plan.limit(answers);
    if (!wait || bytes >= plan.bytes_min() || any_failed(answers)) co_return answers;
    for (std::size_t i = 0; i < answers.size(); ++i)
      plan.parts()[i].seen = answers[i].high_watermark;
    wait = co_await park(context, plan.parts(), plan.bytes_missing(bytes), deadline);
  }
}

runtime::Task<Response> fetch(RequestContext& context, const Request& request) {
  FetchOpening opening(context, request);
  FetchOpening::Opened opened = co_await opening.open();
  if (opened.error != ErrorCode::none) co_return failed(opened.error);
  if (request.isolation_level != 0 && request.isolation_level != 1)
    co_return isolation_refused(request);

  FetchPlan plan(context, request, std::move(opened.list));
  std::vector<FetchAnswer> answers = co_await read_and_wait(context, request, plan);
  std::vector<FetchNews> news = plan.news(answers);
  FetchOpening::End end = co_await opening.end(plan.list(), std::move(news));
  if (end.error != ErrorCode::none) co_return failed(end.error);
  Response response = plan.respond(std::move(answers), end.answered);
  response.session_id = end.session_id;
  co_return response;
}

}  // namespace

runtime::Task<protocol::FetchResponse> FetchHandler::handle(RequestContext& context,
                                                            protocol::FetchRequest request) {
  if (request.session_id == 0) co_return co_await fetch(context, request);
  // One after the other, or a pipelined fetch of a session would overtake the one that waits.
  co_await context.connection.session_turns->take();
  const Turns::Holder turn(*context.connection.session_turns);
  co_return co_await fetch(context, request);
}

}  // namespace gregor::broker
