// The rules for names of topics. Source: the public documentation of Kafka ("Topics"), and its
// answers to bad names.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"

namespace gregor::model {

inline constexpr std::size_t topic_name_chars_max = 249;

/// The topics that Kafka keeps for itself; clients may read them but not produce to them.
inline constexpr std::string_view consumer_offsets_topic = "__consumer_offsets";
inline constexpr std::string_view transaction_state_topic = "__transaction_state";
inline constexpr std::string_view share_group_state_topic = "__share_group_state";

/// A name is 1 to 249 characters of [a-zA-Z0-9._-] and neither "." nor "..". Thread: any.
/// @errors invalid_topic_exception, with the text that Kafka gives to clients.
[[nodiscard]] Result<void> check_topic_name(std::string_view name);

/// True if the names are equal once '.' and '_' count as the same character: their metrics would be
/// the same, so the second one must not be created. Equal names collide too.
[[nodiscard]] bool topic_names_collide(std::string_view a, std::string_view b);

/// True for the three topics above.
[[nodiscard]] bool is_internal_topic(std::string_view name);

}  // namespace gregor::model
