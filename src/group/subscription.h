// The part of a consumer's metadata that a broker reads: the topics it subscribes to.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace gregor::group {

/// Topics of a consumer's subscription, views into `metadata`; nullopt if it can't be read.
///
/// Layout (all versions begin so): version int16, count int32, per topic length int16 and UTF-8.
/// Source: the published consumer protocol, ConsumerProtocolSubscription 0-3.
[[nodiscard]] std::optional<std::vector<std::string_view>> subscribed_topics(ByteView metadata);

}  // namespace gregor::group
