#include "broker/fetch_session.h"

#include <chrono>
#include <iterator>
#include <utility>

#include "base/assert.h"

namespace gregor::broker {
namespace {

// Source: Apache Kafka's min.incremental.fetch.session.eviction.ms, which is not a setting.
constexpr std::chrono::minutes eviction_age{2};

}  // namespace

// ---- one session

FetchSession::Key FetchSession::key_of(const FetchList::Topic& topic) const {
  return uses_ids_ ? Key(topic.id, "") : Key(model::Uuid{}, topic.name);
}

void FetchSession::update(const FetchList& listed, std::span<const ForgottenPartition> forgotten) {
  for (const FetchList::Partition& partition : listed.partitions) {
    const FetchList::Topic& topic = listed.topics[partition.topic];
    Known& known = topics_[key_of(topic)];
    if (!known.topic)
      known.topic = std::make_shared<FetchTopic>(FetchTopic{std::string(topic.name), topic.id});
    auto [at, is_new] = known.partitions.try_emplace(partition.wish.index);
    if (is_new) at->second = order_.insert(order_.end(), Entry{&known, {}});
    at->second->wish = partition.wish;
  }
  for (const ForgottenPartition& each : forgotten) remove(each);
}

void FetchSession::remove(const ForgottenPartition& forgotten) {
  const auto known = topics_.find(key_of(forgotten.topic));
  if (known == topics_.end()) return;
  const auto at = known->second.partitions.find(forgotten.index);
  if (at == known->second.partitions.end()) return;
  order_.erase(at->second);
  known->second.partitions.erase(at);
  if (known->second.partitions.empty()) topics_.erase(known);
}

FetchList FetchSession::list(const TopicNames& names) {
  FetchList all;
  ++listings_;
  all.partitions.reserve(order_.size());
  for (const Entry& entry : order_) {
    Known& known = *entry.topic;
    if (known.listing != listings_) {
      if (known.topic->name.empty() && uses_ids_) {
        if (std::string name = names(known.topic->id); !name.empty())
          known.topic = std::make_shared<FetchTopic>(FetchTopic{std::move(name), known.topic->id});
      }
      known.listing = listings_;
      known.place = static_cast<std::uint32_t>(all.topics.size());
      all.topics.push_back({known.topic->name, known.topic->id});
      all.kept.push_back(known.topic);
    }
    all.partitions.push_back({known.place, entry.wish});
  }
  return all;
}

// What comes after an error is told, whatever it is.
void FetchSession::note(Entry& entry, const FetchNews& told) {
  entry.high_watermark = told.error == ErrorCode::none ? told.high_watermark : -1;
  entry.log_start = told.log_start;
}

void FetchSession::remember(std::span<const FetchNews> news) {
  GREGOR_ASSERT(news.size() == order_.size());
  auto told = news.begin();
  for (Entry& entry : order_) note(entry, *told++);
}

std::vector<bool> FetchSession::tell(std::span<const FetchNews> news) {
  GREGOR_ASSERT(news.size() == order_.size());
  std::vector<bool> answered;
  answered.reserve(news.size());
  Order served;
  auto at = order_.begin();
  for (const FetchNews& told : news) {
    Entry& entry = *at;
    const bool has_failed = told.error != ErrorCode::none;
    const bool has_moved =
        entry.high_watermark != told.high_watermark || entry.log_start != told.log_start;
    answered.push_back(told.has_records || has_failed || has_moved || told.is_diverging);
    note(entry, told);
    const auto next = std::next(at);
    if (told.has_records) served.splice(served.end(), order_, at);
    at = next;
  }
  order_.splice(order_.end(), served);
  return answered;
}

// ---- all sessions of a shard

FetchSessions::Opened FetchSessions::open(const Ask& ask, const FetchList& listed,
                                          std::span<const ForgottenPartition> forgotten,
                                          const TopicNames& names, runtime::Instant now) {
  Opened opened;
  const auto found = sessions_.find(ask.id);
  if (found == sessions_.end()) {
    opened.error = ErrorCode::fetch_session_id_not_found;
    return opened;
  }
  Held& held = found->second;
  if (held.epoch != ask.epoch) {
    opened.error = ErrorCode::invalid_fetch_session_epoch;
    return opened;
  }
  if (held.session->uses_ids() != ask.uses_ids) {
    opened.error = ErrorCode::fetch_session_topic_id_error;
    return opened;
  }
  held.session->update(listed, forgotten);
  const std::size_t size = held.session->size();
  if (size == 0) {
    drop(found);
    opened.is_over = true;
    return opened;
  }
  if (size > held.counted && partitions_ + (size - held.counted) > limits_.partitions) {
    drop(found);
    opened.error = ErrorCode::fetch_session_id_not_found;
    return opened;
  }
  touch(ask.id, held, now);
  held.epoch = epoch_after(held.epoch);
  opened.epoch = held.epoch;
  opened.list = held.session->list(names);
  return opened;
}

FetchSessions::Selection FetchSessions::tell(std::int32_t id, std::int32_t epoch,
                                             std::span<const FetchNews> news) {
  const auto found = sessions_.find(id);
  // Dropped meanwhile: its client has it no more either, or will learn by its next request.
  if (found == sessions_.end()) return {ErrorCode::none, std::vector<bool>(news.size(), true)};
  if (found->second.epoch != epoch || found->second.session->size() != news.size())
    return {ErrorCode::invalid_fetch_session_epoch, {}};
  return {ErrorCode::none, found->second.session->tell(news)};
}

std::int32_t FetchSessions::create(const NewSession& wanted, const FetchList& list,
                                   std::span<const FetchNews> news, runtime::Instant now) {
  GREGOR_ASSERT(list.partitions.size() == news.size());
  const std::size_t size = list.partitions.size();
  if (limits_.sessions == 0 || size > limits_.partitions) return 0;
  while (sessions_.size() >= limits_.sessions || partitions_ + size > limits_.partitions) {
    if (!evict({wanted.is_follower, size, 0}, now)) return 0;
  }
  const std::int32_t id = free_id(wanted.random);
  if (id == 0) return 0;
  Held& held = sessions_[id];
  held.session = std::make_unique<FetchSession>(wanted.uses_ids);
  held.is_follower = wanted.is_follower;
  held.created = now;
  held.used = now;
  held.session->update(list, {});
  GREGOR_ASSERT(held.session->size() == size);
  held.session->remember(news);
  touch(id, held, now);
  return id;
}

// Positive, and of this shard. Taken ones are stepped over; the limit is far below the range.
std::int32_t FetchSessions::free_id(std::uint64_t random) const {
  const std::uint64_t end = std::uint64_t{INT32_MAX} / limits_.shards;  // of the numbers per shard
  for (std::uint64_t tries = 0; tries <= sessions_.size() + 1; ++tries) {
    const std::uint64_t number = (random + tries) % end;
    const auto id = static_cast<std::int32_t>(number * limits_.shards + limits_.shard);
    if (id != 0 && !sessions_.contains(id)) return id;
  }
  return 0;
}

void FetchSessions::touch(std::int32_t id, Held& held, runtime::Instant now) {
  unlist(id, held);
  partitions_ -= held.counted;
  held.used = now;
  held.counted = held.session->size();
  partitions_ += held.counted;
  by_use_.emplace(held.used, id);
  const Worth worth{held.is_follower, held.counted, id};
  const bool is_old = now - held.created > eviction_age;
  if (!held.is_follower || is_old) yield_to_followers_.insert(worth);
  if (is_old) yield_to_all_.insert(worth);
}

void FetchSessions::unlist(std::int32_t id, const Held& held) {
  by_use_.erase({held.used, id});
  const Worth worth{held.is_follower, held.counted, id};
  yield_to_followers_.erase(worth);
  yield_to_all_.erase(worth);
}

void FetchSessions::drop(std::int32_t id) {
  if (const auto found = sessions_.find(id); found != sessions_.end()) drop(found);
}

void FetchSessions::drop(Sessions::iterator session) {
  unlist(session->first, session->second);
  partitions_ -= session->second.counted;
  sessions_.erase(session);
}

void FetchSessions::set_limits(FetchSessionLimits limits) {
  limits_ = limits;
  while (sessions_.size() > limits_.sessions || partitions_ > limits_.partitions) {
    drop(by_use_.begin()->second);
    ++evictions_;
  }
}

// @return false if none has to yield to the newcomer
bool FetchSessions::evict(const Worth& newcomer, runtime::Instant now) {
  if (by_use_.empty()) return false;
  const auto [used, stalest] = *by_use_.begin();
  if (now - used > eviction_age) {
    drop(stalest);
  } else {
    const auto& candidates = newcomer.is_follower ? yield_to_followers_ : yield_to_all_;
    if (candidates.empty() || newcomer < *candidates.begin()) return false;
    drop(candidates.begin()->id);
  }
  ++evictions_;
  return true;
}

}  // namespace gregor::broker
