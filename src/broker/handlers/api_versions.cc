#include "broker/handlers/api_versions.h"

#include <algorithm>
#include <cctype>

namespace gregor::broker {
namespace {

// Source: KIP-511: the first and the last character are letters or digits, between them '-' and '.'
// too.
bool is_software_name(std::string_view text) {
  auto is_edge = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  if (text.empty() || !is_edge(text.front()) || !is_edge(text.back())) return false;
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_edge(c) || c == '-' || c == '.'; });
}

protocol::ApiVersionsResponse::ApiVersion row(const ServedApi& api) {
  protocol::ApiVersionsResponse::ApiVersion row;
  row.api_key = static_cast<std::int16_t>(api.key);
  row.min_version = api.advertised.lowest;
  row.max_version = api.advertised.highest;
  return row;
}

}  // namespace

protocol::ApiVersionsResponse ApiVersionsHandler::unsupported_version() {
  protocol::ApiVersionsResponse answer;
  answer.error_code = ErrorCode::unsupported_version;
  answer.api_keys.push_back(row(ServedApi{Api::key, supported}));
  return answer;
}

runtime::Task<protocol::ApiVersionsResponse> ApiVersionsHandler::handle(
    RequestContext& context, protocol::ApiVersionsRequest request) {
  protocol::ApiVersionsResponse answer;
  const bool names_itself = context.version >= 3;
  if (names_itself && (!is_software_name(request.client_software_name) ||
                       !is_software_name(request.client_software_version))) {
    answer.error_code = ErrorCode::invalid_request;
    co_return answer;
  }
  // As Apache Kafka 3.9 does with ZooKeeper: features belong to KRaft; there are none, of epoch 0.
  answer.finalized_features_epoch = 0;
  for (const ServedApi& api : served_apis()) answer.api_keys.push_back(row(api));
  co_return answer;
}

}  // namespace gregor::broker
