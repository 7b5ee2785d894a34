// All handlers. The dispatch table and the ApiVersions answer are made of this list.
#pragma once

#include <tuple>

#include "broker/handlers/alter_configs.h"
#include "broker/handlers/alter_replica_log_dirs.h"
#include "broker/handlers/api_versions.h"
#include "broker/handlers/create_partitions.h"
#include "broker/handlers/create_topics.h"
#include "broker/handlers/delete_groups.h"
#include "broker/handlers/delete_records.h"
#include "broker/handlers/delete_topics.h"
#include "broker/handlers/describe_cluster.h"
#include "broker/handlers/describe_configs.h"
#include "broker/handlers/describe_groups.h"
#include "broker/handlers/describe_log_dirs.h"
#include "broker/handlers/describe_producers.h"
#include "broker/handlers/describe_topic_partitions.h"
#include "broker/handlers/elect_leaders.h"
#include "broker/handlers/fetch.h"
#include "broker/handlers/find_coordinator.h"
#include "broker/handlers/heartbeat.h"
#include "broker/handlers/incremental_alter_configs.h"
#include "broker/handlers/init_producer_id.h"
#include "broker/handlers/join_group.h"
#include "broker/handlers/leave_group.h"
#include "broker/handlers/list_config_resources.h"
#include "broker/handlers/list_groups.h"
#include "broker/handlers/list_offsets.h"
#include "broker/handlers/metadata.h"
#include "broker/handlers/offset_commit.h"
#include "broker/handlers/offset_delete.h"
#include "broker/handlers/offset_fetch.h"
#include "broker/handlers/offset_for_leader_epoch.h"
#include "broker/handlers/produce.h"
#include "broker/handlers/sync_group.h"
#include "broker/handlers/update_features.h"

namespace gregor::broker {

using AllHandlers =
    std::tuple<ProduceHandler, FetchHandler, ListOffsetsHandler, MetadataHandler,
               OffsetCommitHandler, OffsetFetchHandler, OffsetDeleteHandler, FindCoordinatorHandler,
               ApiVersionsHandler, CreateTopicsHandler, DeleteTopicsHandler, InitProducerIdHandler,
               DescribeConfigsHandler, ListConfigResourcesHandler, AlterConfigsHandler,
               IncrementalAlterConfigsHandler, DescribeProducersHandler, CreatePartitionsHandler,
               DescribeClusterHandler, OffsetForLeaderEpochHandler, DescribeTopicPartitionsHandler,
               DeleteRecordsHandler, AlterReplicaLogDirsHandler, DescribeLogDirsHandler,
               JoinGroupHandler, SyncGroupHandler, HeartbeatHandler, LeaveGroupHandler,
               DescribeGroupsHandler, ListGroupsHandler, DeleteGroupsHandler, ElectLeadersHandler,
               UpdateFeaturesHandler>;

}  // namespace gregor::broker
