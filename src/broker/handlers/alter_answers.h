// What AlterConfigs and IncrementalAlterConfigs have in common.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "broker/config_alterations.h"
#include "broker/request_context.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Does what the principal of the connection may do, on shard 0. @return as
/// ConfigAlterations::alter
runtime::Task<std::vector<Error>> alter_where_allowed(RequestContext& context,
                                                      std::vector<ConfigAlteration> asked,
                                                      AlterationOptions options);

/// Null on success and for errors that nobody expected, as Kafka answers.
[[nodiscard]] std::optional<std::string_view> alter_message(RequestContext& context, Error outcome);

}  // namespace gregor::broker
