#include "broker/handlers/update_features.h"

#include <fmt/format.h>

#include <string>

#include "broker/authorizer.h"
#include "broker/broker_shard.h"

namespace gregor::broker {
namespace {

using Request = protocol::UpdateFeaturesRequest;

/// So much of a name is quoted in messages, which have to fit into an answer.
constexpr std::size_t name_bytes_shown_max = 500;
/// Upgrade, safe downgrade, unsafe downgrade.
constexpr std::int8_t upgrade_type_first = 1;
constexpr std::int8_t upgrade_type_last = 3;

std::string reason(const Request::FeatureUpdateKey& update, std::int32_t controller) {
  if (update.upgrade_type < upgrade_type_first || update.upgrade_type > upgrade_type_last)
    return "The controller does not support the given upgrade type.";
  if (update.max_version_level < 0) return "A feature version cannot be less than 0.";
  if (update.max_version_level == 0)
    return fmt::format("Feature {} not found.", update.feature.substr(0, name_bytes_shown_max));
  return fmt::format("Local controller {} does not support this feature.", controller);
}

// Of a feature that is named more than once the last entry counts.
const Request::FeatureUpdateKey& first_of(const Request& request) {
  const auto& first = request.feature_updates.front();
  const Request::FeatureUpdateKey* found = &first;
  for (const auto& update : request.feature_updates) {
    if (update.feature == first.feature) found = &update;
  }
  return *found;
}

}  // namespace

runtime::Task<protocol::UpdateFeaturesResponse> UpdateFeaturesHandler::handle(
    RequestContext& context, protocol::UpdateFeaturesRequest request) {
  protocol::UpdateFeaturesResponse answer;
  answer.error_message = std::nullopt;
  if (!authorize(context, Action::alter, ResourceType::cluster, "")) {
    answer.error_code = ErrorCode::cluster_authorization_failed;
    co_return answer;
  }
  if (request.feature_updates.empty()) co_return answer;
  const auto& update = first_of(request);
  answer.error_code = ErrorCode::invalid_update_version;
  answer.error_message = context.keep(fmt::format(
      "The update failed for all features since the following feature had an error: Invalid update "
      "version {} for feature {}. {}",
      update.max_version_level, update.feature.substr(0, name_bytes_shown_max),
      reason(update, context.image->controller().value())));
  co_return answer;
}

}  // namespace gregor::broker
