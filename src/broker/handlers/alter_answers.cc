#include "broker/handlers/alter_answers.h"

#include <utility>

#include "broker/authorizer.h"
#include "broker/broker_shard.h"
#include "broker/config_resource.h"

namespace gregor::broker {
namespace {

ErrorCode refusal(const RequestContext& context, const ConfigAlteration& asked) {
  if (asked.type == static_cast<std::int8_t>(ConfigResourceType::topic)) {
    return authorize(context, Action::alter, ResourceType::topic, asked.name)
               ? ErrorCode::none
               : ErrorCode::topic_authorization_failed;
  }
  return authorize(context, Action::alter, ResourceType::cluster, "")
             ? ErrorCode::none
             : ErrorCode::cluster_authorization_failed;
}

}  // namespace

runtime::Task<std::vector<Error>> alter_where_allowed(RequestContext& context,
                                                      std::vector<ConfigAlteration> asked,
                                                      AlterationOptions options) {
  BrokerShard& home = context.shard;
  std::vector<Error> outcomes(asked.size());
  std::vector<ConfigAlteration> allowed;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    outcomes[i].code = refusal(context, asked[i]);
    if (outcomes[i].code != ErrorCode::none) continue;
    allowed.push_back(std::move(asked[i]));
    places.push_back(i);
  }
  auto alter = [&] { return home.config_alterations().alter(std::move(allowed), options); };
  auto done = co_await runtime::call_on(home.shard(), runtime::ShardId(0), alter);
  for (std::size_t i = 0; i < done.size(); ++i) outcomes[places[i]] = std::move(done[i]);
  co_return outcomes;
}

std::optional<std::string_view> alter_message(RequestContext& context, Error outcome) {
  const bool is_silent =
      outcome.code == ErrorCode::none || outcome.code == ErrorCode::unknown_server_error;
  if (is_silent) return std::nullopt;
  return context.keep(std::move(outcome.detail));
}

}  // namespace gregor::broker
