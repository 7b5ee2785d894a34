// The cluster as one broker knows it: brokers, topics, leaders. An immutable snapshot that every
// shard holds and swaps.
//
// It is built of shared per-topic nodes: a change copies its topic and the bucket that it is in,
// never all.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/ids.h"
#include "model/uuid.h"

namespace gregor::model {

/// Names and values of configs as they are stored, e.g. {"retention.ms", "1000"}.
using ConfigEntries = std::map<std::string, std::string>;

/// One address of a broker.
struct BrokerEndpoint {
  std::string listener;  ///< name of the listener, e.g. PLAINTEXT
  std::string host;
  std::int32_t port = 0;
  friend bool operator==(const BrokerEndpoint&, const BrokerEndpoint&) = default;
};

/// A live broker.
struct BrokerImage {
  BrokerId id{-1};
  std::int64_t epoch = -1;  ///< czxid of its registration
  std::vector<BrokerEndpoint> endpoints;
  std::optional<std::string> rack;
  /// @return the endpoint of that listener name, or nullptr.
  [[nodiscard]] const BrokerEndpoint* endpoint(std::string_view listener) const;
  friend bool operator==(const BrokerImage&, const BrokerImage&) = default;
};

/// Who leads and holds one partition.
struct PartitionImage {
  BrokerId leader{-1};  ///< -1 = none at the moment
  LeaderEpoch leader_epoch{-1};
  std::int32_t partition_epoch = -1;  ///< version of the partition's state node
  std::vector<BrokerId> replicas;
  std::vector<BrokerId> isr;
  friend bool operator==(const PartitionImage&, const PartitionImage&) = default;
};

/// One topic. `partitions[i]` is partition i.
struct TopicImage {
  std::string name;
  Uuid id;
  std::vector<PartitionImage> partitions;
  std::shared_ptr<const ConfigEntries> configs;  ///< never null
};

/// Thread:    any; immutable. Pointers that it gives live as long as the image.
/// Order:     for_each_topic and brokers() always give the same order for the same content.
class ClusterImage {
 public:
  class Builder;

  ClusterImage();

  /// @return the topic, or nullptr.
  [[nodiscard]] const TopicImage* find(std::string_view name) const;
  [[nodiscard]] const TopicImage* find(const Uuid& id) const;
  /// As find, for one who keeps the topic longer than the image.
  [[nodiscard]] std::shared_ptr<const TopicImage> topic(std::string_view name) const;
  /// @return the partition, or nullptr if the topic or the partition is unknown.
  [[nodiscard]] const PartitionImage* find(std::string_view topic, PartitionIndex partition) const;
  [[nodiscard]] std::size_t topic_count() const { return topic_count_; }
  void for_each_topic(const std::function<void(const TopicImage&)>& visit) const;
  /// True if a topic other than `name` itself has the same name once '.' and '_' are equal.
  /// O(topics of one bucket).
  [[nodiscard]] const TopicImage* find_colliding(std::string_view name) const;

  /// Topics of an older image that are gone, or whose name another topic has now. O(topics of the
  /// buckets that differ).
  void for_each_topic_gone(const ClusterImage& older,
                           const std::function<void(const TopicImage&)>& visit) const;

  /// Live brokers by id.
  [[nodiscard]] const std::map<BrokerId, BrokerImage>& brokers() const { return *brokers_; }
  [[nodiscard]] const BrokerImage* broker(BrokerId id) const;
  [[nodiscard]] BrokerId controller() const { return controller_; }  ///< -1 = none
  [[nodiscard]] ControllerEpoch controller_epoch() const { return controller_epoch_; }
  [[nodiscard]] const std::string& cluster_id() const { return *cluster_id_; }

 private:
  static constexpr std::size_t bucket_count = 256;
  using TopicPointer = std::shared_ptr<const TopicImage>;
  using Bucket = std::vector<TopicPointer>;  // sorted by name, or by id
  using Buckets = std::array<std::shared_ptr<const Bucket>, bucket_count>;

  // Names that collide share a bucket: '.' counts as '_'.
  [[nodiscard]] static std::size_t bucket_of(std::string_view name);
  [[nodiscard]] static std::size_t bucket_of(const Uuid& id);

  Buckets by_name_;
  Buckets by_id_;
  std::size_t topic_count_ = 0;
  std::shared_ptr<const std::map<BrokerId, BrokerImage>> brokers_;
  BrokerId controller_{-1};
  ControllerEpoch controller_epoch_{0};
  std::shared_ptr<const std::string> cluster_id_;
};

/// Makes the next image of an existing one. Each bucket that is touched is copied once, however
/// many changes it gets.
///
/// Thread: one. Usage: Builder b(*old); b.put_topic(...); publish(b.build());
class ClusterImage::Builder {
 public:
  explicit Builder(const ClusterImage& base);

  /// Adds the topic or replaces the one of that name (also when the id differs).
  void put_topic(TopicImage topic);
  /// No-op if unknown.
  void remove_topic(std::string_view name);
  [[nodiscard]] const TopicImage* find(std::string_view name) const;
  void set_brokers(std::map<BrokerId, BrokerImage> brokers);
  void set_controller(BrokerId id, ControllerEpoch epoch);
  void set_cluster_id(std::string id);

  /// The builder must not be used afterwards.
  [[nodiscard]] std::shared_ptr<const ClusterImage> build();

 private:
  Bucket& editable(Buckets& buckets, std::array<Bucket*, bucket_count>& edited, std::size_t index);

  std::shared_ptr<ClusterImage> image_;
  std::array<Bucket*, bucket_count> edited_names_{};
  std::array<Bucket*, bucket_count> edited_ids_{};
};

}  // namespace gregor::model
