#include "broker/partition.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace gregor::broker {

Partition::Partition(std::unique_ptr<storage::PartitionLog> log, model::Uuid topic_id,
                     std::shared_ptr<const config::TopicConfig> config)
    : log_(std::move(log)),
      topic_id_(topic_id),
      config_(std::move(config)),
      size_seen_(log_->size_bytes()) {
  log_->on_log_end([this](model::Offset end) { log_end_moved(end); });
}

void Partition::set_config(std::shared_ptr<const config::TopicConfig> config,
                           std::shared_ptr<const model::ConfigEntries> own) {
  config_ = config;
  own_configs_ = std::move(own);
  log_->set_config(std::move(config));
}

void Partition::watch(NoticeId notice, model::Offset seen) {
  watchers_.push_back(notice);
  // Something came between the read and this call: it may be more than was asked for, so look
  // again.
  if (retired_ || log_->high_watermark() > seen) progress_(notice, UINT64_MAX);
}

void Partition::unwatch(NoticeId notice) { std::erase(watchers_, notice); }

// The only replica: what is written is replicated everywhere.
void Partition::log_end_moved(model::Offset end) {
  const model::Offset before = log_->high_watermark();
  log_->set_high_watermark(end);
  GREGOR_ASSERT(log_->high_watermark() >= before);
  const std::uint64_t size = log_->size_bytes();
  const std::uint64_t added = size > size_seen_ ? size - size_seen_ : 1;
  size_seen_ = size;
  // A watcher may unwatch from within the callback.
  const std::vector<NoticeId> told = watchers_;
  for (const NoticeId notice : told) progress_(notice, added);
}

void Partition::retire() {
  retired_ = true;
  const std::vector<NoticeId> told = watchers_;
  for (const NoticeId notice : told) progress_(notice, UINT64_MAX);
}

}  // namespace gregor::broker
