// The effective settings of one topic: its own configs over the broker's defaults. Rows:
// topic_options.def; how one is made and checked: topic_config_rules.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/option.h"

namespace gregor::config {

/// Immutable once made; shared by all partitions of a topic. One field per row of topic_options.def
/// (field name = Kafka's name with '_' for '.'), with the defaults of Kafka 3.9.1.
struct TopicConfig {
#define GREGOR_TOPIC_OPTION(field, name, type, fallback, allowed, synonyms, text) \
  ValueOf<ValueType::type>::Value field = fallback;
#include "config/topic_options.def"
#undef GREGOR_TOPIC_OPTION

  /// What cleanup_policy says; both may be true or false.
  bool cleanup_compact = false;
  bool cleanup_delete = true;
};

}  // namespace gregor::config
