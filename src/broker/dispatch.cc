#include "broker/dispatch.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "broker/handlers/all.h"
#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/api_table.h"
#include "protocol/header.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace gregor::broker {
namespace {

using protocol::ApiKey;
using protocol::ApiVersion;

Outcome close_with(std::string reason) { return CloseConnection{std::move(reason)}; }

/// Counts what closes the connection.
Outcome refuse(RequestContext& context, std::string reason) {
  ++context.shard.counters().refused_requests;
  return close_with(std::move(reason));
}

void count_errors(BrokerShard& shard, ApiKey key, std::span<const ErrorCode> codes);

template <class Message>
Outcome encode(RequestContext& context, ApiKey key, std::int32_t correlation_id,
               const Message& message) {
  protocol::Writer writer;
  const std::size_t start = protocol::begin_frame(writer);
  protocol::encode_response_header(writer, key, context.version, correlation_id);
  if (auto done = message.encode(writer, context.version); !done) {
    return close_with("an answer could not be encoded: " + done.error().detail);
  }
  if (auto done = protocol::end_frame(writer, start); !done) {
    return close_with("an answer is too large: " + done.error().detail);
  }
  ResponseFrame response;
  GREGOR_ASSERT(writer.gaps().size() == context.slices.size());
  for (std::size_t i = 0; i < context.slices.size(); ++i) {
    response.inserts.push_back({writer.gaps()[i].position, std::move(context.slices[i])});
  }
  if (!writer.error_codes().empty()) count_errors(context.shard, key, writer.error_codes());
  response.bytes = writer.take();
  return response;
}

template <class Handler>
runtime::Task<Outcome> handle(RequestContext& context, protocol::Reader& reader,
                              std::int32_t correlation_id) {
  using Api = typename Handler::Api;
  auto request = Api::Request::decode(reader, context.version);
  if (!request) {
    co_return refuse(
        context, fmt::format("malformed request of api {} version {}: {}",
                             static_cast<int>(Api::key), context.version, request.error().detail));
  }
  typename Api::Response answer = co_await Handler::handle(context, std::move(*request));
  if (context.close_reason) co_return refuse(context, std::move(*context.close_reason));
  if (context.silent) co_return NoResponse{};
  co_return encode(context, Api::key, correlation_id, answer);
}

struct Row {
  ServedApi api;
  VersionRange handled;
  runtime::Task<Outcome> (*handle)(RequestContext&, protocol::Reader&, std::int32_t);
};

template <class Handler>
constexpr Row row() {
  VersionRange advertised = Handler::supported;
  if constexpr (requires { Handler::advertised; }) advertised = Handler::advertised;
  return Row{{Handler::Api::key, advertised}, Handler::supported, &handle<Handler>};
}

template <class... Handlers>
auto make_rows(std::tuple<Handlers...>*) {
  std::array<Row, sizeof...(Handlers)> all{row<Handlers>()...};
  std::sort(all.begin(), all.end(),
            [](const Row& a, const Row& b) { return a.api.key < b.api.key; });
  return all;
}

const auto& rows() {
  static const auto all = make_rows(static_cast<AllHandlers*>(nullptr));
  return all;
}

const Row* find_row(ApiKey key) {
  const auto& all = rows();
  auto found =
      std::find_if(all.begin(), all.end(), [key](const Row& r) { return r.api.key == key; });
  return found == all.end() ? nullptr : &*found;
}

ApiCounters& counters_of(BrokerShard& shard, const Row* found) {
  return shard.counters().apis[static_cast<std::size_t>(found - rows().data())];
}

void count_errors(BrokerShard& shard, ApiKey key, std::span<const ErrorCode> codes) {
  auto& errors = counters_of(shard, find_row(key)).errors;
  for (const ErrorCode code : codes) ++errors[code];
}

}  // namespace

std::span<const ServedApi> served_apis() {
  static const auto apis = [] {
    std::vector<ServedApi> list;
    for (const Row& r : rows()) list.push_back(r.api);
    return list;
  }();
  return apis;
}

runtime::Task<Outcome> dispatch(BrokerShard& shard, const ConnectionInfo& connection,
                                FrameBuffer& frame) {
  const runtime::Instant began = shard.shard().clock().now();
  RequestContext context(shard, connection, frame);
  protocol::Reader reader(std::as_const(frame).bytes());
  auto header = protocol::decode_request_header(reader);
  if (!header) co_return refuse(context, "malformed request header: " + header.error().detail);
  const auto key = static_cast<ApiKey>(header->request_api_key);
  const Row* found = find_row(key);
  if (found == nullptr)
    co_return refuse(context, fmt::format("api {} is not served", header->request_api_key));

  context.version = header->request_api_version;
  context.client_id = header->client_id;
  context.image = shard.image();
  const bool served =
      context.version >= found->handled.lowest && context.version <= found->handled.highest;
  if (!served && key == ApiKey::api_versions) {
    context.version = 0;
    co_return encode(context, key, header->correlation_id,
                     ApiVersionsHandler::unsupported_version());
  }
  if (!served) {
    co_return refuse(context, fmt::format("api {} version {} is not served",
                                          header->request_api_key, context.version));
  }
  Outcome outcome = co_await found->handle(context, reader, header->correlation_id);
  counters_of(shard, found).durations.add(shard.shard().clock().now() - began);
  co_return outcome;
}

}  // namespace gregor::broker
