// Where things are in the metadata store: Kafka's paths, and ZooKeeper's rules for what a path may
// be.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/ids.h"

namespace gregor::znode {

/// Bytes that one request may have on the wire (jute.maxbuffer of ZooKeeper: 1 MiB - 1).
inline constexpr std::size_t request_bytes_max = 0xfffff;

namespace path {

inline constexpr std::string_view consumers = "/consumers";
inline constexpr std::string_view brokers = "/brokers";
inline constexpr std::string_view broker_ids = "/brokers/ids";
inline constexpr std::string_view broker_topics = "/brokers/topics";
inline constexpr std::string_view broker_seqid = "/brokers/seqid";
inline constexpr std::string_view controller = "/controller";
inline constexpr std::string_view controller_epoch = "/controller_epoch";
inline constexpr std::string_view cluster = "/cluster";
inline constexpr std::string_view cluster_id = "/cluster/id";
inline constexpr std::string_view config = "/config";
inline constexpr std::string_view config_changes = "/config/changes";
/// Of a notice; the store adds the number.
inline constexpr std::string_view config_change_prefix = "/config/changes/config_change_";
inline constexpr std::string_view config_topics = "/config/topics";
inline constexpr std::string_view config_clients = "/config/clients";
inline constexpr std::string_view config_users = "/config/users";
inline constexpr std::string_view config_brokers = "/config/brokers";
inline constexpr std::string_view config_ips = "/config/ips";
inline constexpr std::string_view config_client_metrics = "/config/client-metrics";
inline constexpr std::string_view admin = "/admin";
inline constexpr std::string_view delete_topics = "/admin/delete_topics";
inline constexpr std::string_view isr_change_notification = "/isr_change_notification";
inline constexpr std::string_view latest_producer_id_block = "/latest_producer_id_block";
inline constexpr std::string_view log_dir_event_notification = "/log_dir_event_notification";

/// The paths that every broker makes at its start, each after its parent. Source: Kafka's ZooKeeper
/// layout.
inline constexpr std::string_view made_by_every_broker[] = {
    consumers,
    brokers,
    broker_ids,
    broker_topics,
    broker_seqid,
    config,
    config_changes,
    admin,
    delete_topics,
    isr_change_notification,
    latest_producer_id_block,
    log_dir_event_notification,
    config_topics,
    config_clients,
    config_users,
    config_brokers,
    config_ips,
    config_client_metrics,
};

/// /brokers/ids/<id>
[[nodiscard]] std::string broker_id(model::BrokerId id);
/// /brokers/topics/<topic>
[[nodiscard]] std::string topic(std::string_view topic);
/// /brokers/topics/<topic>/partitions
[[nodiscard]] std::string partitions(std::string_view topic);
/// /brokers/topics/<topic>/partitions/<partition>
[[nodiscard]] std::string partition(std::string_view topic, model::PartitionIndex partition);
/// /brokers/topics/<topic>/partitions/<partition>/state
[[nodiscard]] std::string partition_state(std::string_view topic, model::PartitionIndex partition);
/// /config/topics/<topic>
[[nodiscard]] std::string topic_config(std::string_view topic);
/// /admin/delete_topics/<topic>
[[nodiscard]] std::string delete_topic(std::string_view topic);

/// The path without its last component; "/" for a path of one component and for "/".
[[nodiscard]] std::string_view parent(std::string_view path);
/// The last component; "" for "/".
[[nodiscard]] std::string_view name(std::string_view path);

/// ZooKeeper's rules: starts with '/', does not end with it (but for "/"), no empty, "." or ".."
/// component, UTF-8 without control characters, surrogates, private use and U+FFF0..U+FFFF. Thread:
/// any.
/// @errors invalid_request, with the path and the reason.
[[nodiscard]] Result<void> check(std::string_view path);

}  // namespace path
}  // namespace gregor::znode
