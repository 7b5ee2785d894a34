// The effective settings of one topic: its own configs over the broker's defaults.
#pragma once

#include <cstdint>
#include <string>

namespace gregor::config {

enum class TimestampType { create_time, log_append_time };

/// Immutable once made; shared by all partitions of a topic. Defaults are those of Kafka 3.9.1 (source: its reference of
/// topic configs). Names: field names are Kafka's topic config names with '_' for '.'.
struct TopicConfig {
  std::int64_t segment_bytes = std::int64_t{1} << 30;
  std::int64_t segment_ms = std::int64_t{7} * 24 * 3600 * 1000;
  std::int64_t segment_jitter_ms = 0;
  std::int64_t segment_index_bytes = 10 * 1024 * 1024;
  std::int64_t index_interval_bytes = 4096;
  std::int64_t flush_messages = INT64_MAX;  ///< an append waits for the disk once so many records are un-synced
  std::int64_t flush_ms = INT64_MAX;
  std::int64_t max_message_bytes = 1048588;  ///< of one batch, as compressed, with the 12 bytes of offset and length
  TimestampType message_timestamp_type = TimestampType::create_time;
  std::int64_t message_timestamp_before_max_ms = INT64_MAX;
  std::int64_t message_timestamp_after_max_ms = INT64_MAX;
  std::string compression_type = "producer";  ///< producer, uncompressed, gzip, snappy, lz4, zstd
  std::int32_t compression_gzip_level = -1;
  std::int32_t compression_lz4_level = 9;
  std::int32_t compression_zstd_level = 3;
  bool cleanup_compact = false;
  bool cleanup_delete = true;
  std::int64_t retention_ms = std::int64_t{7} * 24 * 3600 * 1000;
  std::int64_t retention_bytes = -1;
  std::int64_t file_delete_delay_ms = 60000;
  std::int64_t delete_retention_ms = 86400000;
  std::int32_t min_insync_replicas = 1;
  bool preallocate = false;
  bool unclean_leader_election_enable = false;
};

}  // namespace gregor::config
