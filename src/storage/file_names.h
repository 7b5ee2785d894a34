// Names of files and folders in a log dir: the only place that makes or reads them.
// Source: docs/formats/log_segment.md, docs/formats/checkpoints.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/ids.h"

namespace gregor::storage {

namespace names {
inline constexpr std::string_view log_suffix = ".log";
inline constexpr std::string_view offset_index_suffix = ".index";
inline constexpr std::string_view time_index_suffix = ".timeindex";
inline constexpr std::string_view transaction_index_suffix = ".txnindex";
inline constexpr std::string_view snapshot_suffix = ".snapshot";
inline constexpr std::string_view deleted_suffix = ".deleted";
inline constexpr std::string_view cleaned_suffix = ".cleaned";
inline constexpr std::string_view swap_suffix = ".swap";
inline constexpr std::string_view temporary_suffix = ".tmp";
inline constexpr std::string_view epoch_checkpoint = "leader-epoch-checkpoint";
inline constexpr std::string_view partition_metadata = "partition.metadata";
inline constexpr std::string_view meta_properties = "meta.properties";
inline constexpr std::string_view lock = ".lock";
inline constexpr std::string_view clean_shutdown = ".kafka_cleanshutdown";
inline constexpr std::string_view sync_failed = ".gregor-sync-failed";  ///< failed_sync.h
inline constexpr std::string_view recovery_points = "recovery-point-offset-checkpoint";
inline constexpr std::string_view log_starts = "log-start-offset-checkpoint";
inline constexpr std::string_view high_watermarks = "replication-offset-checkpoint";
inline constexpr std::string_view first_dirty = "cleaner-offset-checkpoint";
inline constexpr std::string_view delete_folder_suffix = "-delete";
inline constexpr std::string_view future_folder_suffix = "-future";
inline constexpr std::string_view moved_mark = ".gregor-moved";  ///< folder_swap.h
}  // namespace names

/// "<directory>/<name>".
[[nodiscard]] std::string join_path(std::string_view directory, std::string_view name);
/// All before the last '/'; "." if there is none.
[[nodiscard]] std::string parent_directory(std::string_view path);

/// "00000000000000000042.log": 20 digits of the base offset, then the suffix.
[[nodiscard]] std::string segment_file_name(model::Offset base, std::string_view suffix);

struct SegmentFileName {
  model::Offset base;
  std::string suffix;  ///< from the first '.' on
};
/// nullopt unless it is exactly 20 digits of an int64, a '.', and something.
[[nodiscard]] std::optional<SegmentFileName> parse_segment_file_name(std::string_view name);

/// "topic-0". nullopt if the topic's name is not legal or the number not an int32 >= 0.
[[nodiscard]] std::optional<model::TopicPartition> parse_partition_folder(std::string_view name);

/// "topic-0.<suffix>-delete", at most 255 characters: the topic is cut if need be.
[[nodiscard]] std::string deleted_folder_name(const model::TopicPartition& partition,
                                              std::string_view unique_suffix);
[[nodiscard]] bool is_deleted_folder(std::string_view name);

/// "topic-0.<suffix>-future": a partition on its way from another log dir (log_copy.h).
[[nodiscard]] std::string future_folder_name(const model::TopicPartition& partition,
                                             std::string_view unique_suffix);
/// False for a topic whose name is so long that the folder's would have more than 255 characters:
/// this one is not cut. @param unique_suffix has 32 characters
[[nodiscard]] bool has_future_folder_name(const model::TopicPartition& partition);
struct FutureFolderName {
  model::TopicPartition partition;
  std::string unique_suffix;
};
/// nullopt unless it is "<topic>-<partition>.<suffix>-future".
[[nodiscard]] std::optional<FutureFolderName> parse_future_folder(std::string_view name);

}  // namespace gregor::storage
