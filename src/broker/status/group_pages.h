// What the HTTP pages say of consumer groups: their states, rebalances and lag. docs/http.md lists
// it.
#pragma once

#include <string>

#include "broker/status/broker_report.h"
#include "http/metrics_writer.h"
#include "protocol/json_writer.h"

namespace gregor::broker {

// All are pure. Thread: any.

/// The array "groups", each group with its last rebalance, and how many are left out.
void write_groups(protocol::JsonWriter& json, const BrokerReport& report);
/// A page for one group with its last rebalances, oldest first.
[[nodiscard]] std::string group_json(const GroupReport& group);

/// Of all groups together; no label that clients choose.
void write_group_figures(http::MetricsWriter& out, const GroupFigures& figures);
/// A series per group that is listed.
void write_groups(http::MetricsWriter& out, const BrokerReport& report);
/// By group and topic.
void write_lags(http::MetricsWriter& out, const GroupLags& lags);
/// By group, topic and partition.
void write_partition_lags(http::MetricsWriter& out, const GroupLags& lags);

}  // namespace gregor::broker
