#include "broker/handlers/alter_configs.h"

#include "broker/handlers/alter_answers.h"

namespace gregor::broker {

runtime::Task<protocol::AlterConfigsResponse> AlterConfigsHandler::handle(
    RequestContext& context, protocol::AlterConfigsRequest request) {
  std::vector<ConfigAlteration> asked;
  for (const auto& resource : request.resources) {
    ConfigAlteration alteration{resource.resource_type, std::string(resource.resource_name), {}};
    for (const auto& config : resource.configs) {
      config::ConfigChange change{std::string(config.name),
                                  static_cast<std::int8_t>(config::ChangeKind::set), std::nullopt};
      if (config.value) change.value.emplace(*config.value);
      alteration.changes.push_back(std::move(change));
    }
    asked.push_back(std::move(alteration));
  }
  const AlterationOptions options{.replaces = true, .validate_only = request.validate_only};
  auto outcomes = co_await alter_where_allowed(context, std::move(asked), options);
  protocol::AlterConfigsResponse answer;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    protocol::AlterConfigsResponse::AlterConfigsResourceResponse row;
    row.error_code = outcomes[i].code;
    row.error_message = alter_message(context, std::move(outcomes[i]));
    row.resource_type = request.resources[i].resource_type;
    row.resource_name = request.resources[i].resource_name;
    answer.responses.push_back(row);
  }
  co_return answer;
}

}  // namespace gregor::broker
