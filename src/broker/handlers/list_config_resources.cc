#include "broker/handlers/list_config_resources.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "broker/config_resource.h"

namespace gregor::broker {
namespace {

using Response = protocol::ListConfigResourcesResponse;

// Those that may be asked for, with those of which there are none here: client metrics, groups.
constexpr std::array<std::int8_t, 5> types{2, 4, 8, 16, 32};

void add(Response& answer, std::string_view name, std::int8_t type) {
  Response::ConfigResource row;
  row.resource_name = name;
  row.resource_type = type;
  answer.config_resources.push_back(row);
}

}  // namespace

runtime::Task<protocol::ListConfigResourcesResponse> ListConfigResourcesHandler::handle(
    RequestContext& context, protocol::ListConfigResourcesRequest request) {
  Response answer;
  if (context.version == 0) co_return answer;
  const auto& asked = request.resource_types;
  for (const std::int8_t type : asked) {
    if (std::find(types.begin(), types.end(), type) != types.end()) continue;
    answer.error_code = ErrorCode::unsupported_version;
    co_return answer;
  }
  for (const std::int8_t type : types) {
    if (!asked.empty() && std::find(asked.begin(), asked.end(), type) == asked.end()) continue;
    const auto kind = static_cast<ConfigResourceType>(type);
    if (kind == ConfigResourceType::topic) {
      context.image->for_each_topic(
          [&](const model::TopicImage& topic) { add(answer, topic.name, type); });
    } else if (kind == ConfigResourceType::broker || kind == ConfigResourceType::broker_logger) {
      for (const auto& [id, broker] : context.image->brokers())
        add(answer, context.keep(fmt::format("{}", id.value())), type);
    }
  }
  co_return answer;
}

}  // namespace gregor::broker
