#include "model/cluster_image.h"

#include <algorithm>

#include "base/assert.h"
#include "model/topic_name.h"

namespace gregor::model {
namespace {

using TopicPointer = std::shared_ptr<const TopicImage>;

// FNV-1a: the same on every run and platform, so that the order of topics never depends on the
// standard library.
struct Fnv {
  std::uint64_t state = 0xcbf29ce484222325;
  void add(unsigned char byte) { state = (state ^ byte) * 0x100000001b3; }
  [[nodiscard]] std::uint64_t folded() const { return state ^ (state >> 32); }
};

auto find_by_name(auto& bucket, std::string_view name) {
  return std::lower_bound(bucket.begin(), bucket.end(), name,
                          [](const TopicPointer& t, std::string_view n) { return t->name < n; });
}

auto find_by_id(auto& bucket, const Uuid& id) {
  return std::lower_bound(bucket.begin(), bucket.end(), id,
                          [](const TopicPointer& t, const Uuid& i) { return t->id < i; });
}

}  // namespace

const BrokerEndpoint* BrokerImage::endpoint(std::string_view listener) const {
  for (const auto& e : endpoints) {
    if (e.listener == listener) return &e;
  }
  return nullptr;
}

ClusterImage::ClusterImage()
    : brokers_(std::make_shared<const std::map<BrokerId, BrokerImage>>()),
      cluster_id_(std::make_shared<const std::string>()) {}

std::size_t ClusterImage::bucket_of(std::string_view name) {
  Fnv hash;
  for (const char c : name) hash.add(static_cast<unsigned char>(c == '.' ? '_' : c));
  return hash.folded() % bucket_count;
}

std::size_t ClusterImage::bucket_of(const Uuid& id) {
  Fnv hash;
  for (const auto b : id.bytes) hash.add(static_cast<unsigned char>(b));
  return hash.folded() % bucket_count;
}

TopicPointer ClusterImage::topic(std::string_view name) const {
  const auto& bucket = by_name_[bucket_of(name)];
  if (!bucket) return nullptr;
  const auto at = find_by_name(*bucket, name);
  return at != bucket->end() && (*at)->name == name ? *at : nullptr;
}

const TopicImage* ClusterImage::find(std::string_view name) const {
  const auto& bucket = by_name_[bucket_of(name)];
  if (!bucket) return nullptr;
  const auto at = find_by_name(*bucket, name);
  return at != bucket->end() && (*at)->name == name ? at->get() : nullptr;
}

const TopicImage* ClusterImage::find(const Uuid& id) const {
  const auto& bucket = by_id_[bucket_of(id)];
  if (!bucket) return nullptr;
  const auto at = find_by_id(*bucket, id);
  return at != bucket->end() && (*at)->id == id ? at->get() : nullptr;
}

const PartitionImage* ClusterImage::find(std::string_view topic, PartitionIndex partition) const {
  const auto* found = find(topic);
  if (found == nullptr || partition.value() < 0) return nullptr;
  const auto index = static_cast<std::size_t>(partition.value());
  return index < found->partitions.size() ? &found->partitions[index] : nullptr;
}

void ClusterImage::for_each_topic(const std::function<void(const TopicImage&)>& visit) const {
  for (const auto& bucket : by_name_) {
    if (!bucket) continue;
    for (const auto& t : *bucket) visit(*t);
  }
}

void ClusterImage::for_each_topic_gone(const ClusterImage& older,
                                       const std::function<void(const TopicImage&)>& visit) const {
  for (std::size_t i = 0; i < bucket_count; ++i) {
    if (older.by_name_[i] == by_name_[i] || older.by_name_[i] == nullptr) continue;
    for (const TopicPointer& topic : *older.by_name_[i]) {
      const TopicImage* now = find(topic->name);
      if (now == nullptr || now->id != topic->id) visit(*topic);
    }
  }
}

const TopicImage* ClusterImage::find_colliding(std::string_view name) const {
  const auto& bucket = by_name_[bucket_of(name)];
  if (!bucket) return nullptr;
  for (const auto& t : *bucket) {
    if (t->name != name && topic_names_collide(t->name, name)) return t.get();
  }
  return nullptr;
}

const BrokerImage* ClusterImage::broker(BrokerId id) const {
  const auto at = brokers_->find(id);
  return at == brokers_->end() ? nullptr : &at->second;
}

ClusterImage::Builder::Builder(const ClusterImage& base)
    : image_(std::make_shared<ClusterImage>(base)) {}

ClusterImage::Bucket& ClusterImage::Builder::editable(Buckets& buckets,
                                                      std::array<Bucket*, bucket_count>& edited,
                                                      std::size_t index) {
  if (edited[index] == nullptr) {
    auto copy =
        buckets[index] ? std::make_shared<Bucket>(*buckets[index]) : std::make_shared<Bucket>();
    edited[index] = copy.get();
    buckets[index] = std::move(copy);
  }
  return *edited[index];
}

void ClusterImage::Builder::put_topic(TopicImage topic) {
  GREGOR_ASSERT(image_ != nullptr);
  GREGOR_ASSERT(topic.configs != nullptr);
  remove_topic(topic.name);
  auto node = std::make_shared<const TopicImage>(std::move(topic));
  auto& names = editable(image_->by_name_, edited_names_, bucket_of(node->name));
  names.insert(find_by_name(names, node->name), node);
  if (!node->id.is_zero()) {
    auto& ids = editable(image_->by_id_, edited_ids_, bucket_of(node->id));
    ids.insert(find_by_id(ids, node->id), node);
  }
  ++image_->topic_count_;
}

void ClusterImage::Builder::remove_topic(std::string_view name) {
  GREGOR_ASSERT(image_ != nullptr);
  const auto old = image_->topic(name);
  if (!old) return;
  auto& names = editable(image_->by_name_, edited_names_, bucket_of(old->name));
  names.erase(find_by_name(names, old->name));
  if (!old->id.is_zero()) {
    auto& ids = editable(image_->by_id_, edited_ids_, bucket_of(old->id));
    const auto at = find_by_id(ids, old->id);
    if (at != ids.end() && *at == old) ids.erase(at);
  }
  --image_->topic_count_;
}

const TopicImage* ClusterImage::Builder::find(std::string_view name) const {
  return image_->find(name);
}

void ClusterImage::Builder::set_brokers(std::map<BrokerId, BrokerImage> brokers) {
  image_->brokers_ = std::make_shared<const std::map<BrokerId, BrokerImage>>(std::move(brokers));
}

void ClusterImage::Builder::set_controller(BrokerId id, ControllerEpoch epoch) {
  image_->controller_ = id;
  image_->controller_epoch_ = epoch;
}

void ClusterImage::Builder::set_cluster_id(std::string id) {
  image_->cluster_id_ = std::make_shared<const std::string>(std::move(id));
}

std::shared_ptr<const ClusterImage> ClusterImage::Builder::build() {
  GREGOR_ASSERT(image_ != nullptr);
  return std::exchange(image_, nullptr);
}

}  // namespace gregor::model
