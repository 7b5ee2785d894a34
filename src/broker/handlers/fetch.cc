#include "broker/handlers/fetch.h"

#include <chrono>
#include <utility>

#include "broker/handlers/fetch_opening.h"
#include "broker/handlers/fetch_plan.h"
#include "broker/handlers/fetch_waiting.h"

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

runtime::Task<Response> fetch(RequestContext& context, Request request) {
  FetchOpening opening(context, request);
  FetchOpening::Opened opened;
  if (opening.is_plain()) {
    opened.list = opening.asked();
  } else {
    opened = co_await opening.open();
  }
  if (opened.error != ErrorCode::none) co_return failed(opened.error);
  if (request.isolation_level != 0 && request.isolation_level != 1)
    co_return isolation_refused(request);

  FetchPlan plan(context, request, std::move(opened.list));
  const runtime::Instant deadline =
      context.shard.shard().clock().now() + std::chrono::milliseconds(request.max_wait_ms);
  co_await read_and_wait(context, plan, deadline);
  if (!opening.has_session()) co_return plan.respond({});
  std::vector<FetchNews> news = plan.news();
  FetchOpening::End end = co_await opening.end(plan.list(), std::move(news));
  if (end.error != ErrorCode::none) co_return failed(end.error);
  Response response = plan.respond(end.answered);
  response.session_id = end.session_id;
  co_return response;
}

// One after the other, or a pipelined fetch of a session would overtake the one that waits.
runtime::Task<Response> fetch_in_turn(RequestContext& context, Request request) {
  co_await context.connection.session_turns->take();
  const Turns::Holder turn(*context.connection.session_turns);
  co_return co_await fetch(context, std::move(request));
}

}  // namespace

runtime::Task<protocol::FetchResponse> FetchHandler::handle(RequestContext& context,
                                                            protocol::FetchRequest request) {
  if (request.session_id == 0) return fetch(context, std::move(request));
  return fetch_in_turn(context, std::move(request));
}

}  // namespace gregor::broker
