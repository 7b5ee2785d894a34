#include "broker/handlers/fetch_opening.h"

#include <map>
#include <utility>

#include "broker/broker_shard.h"

namespace gregor::broker {
namespace {

using Request = protocol::FetchRequest;

constexpr protocol::ApiVersion ids_from_version = 13;
constexpr protocol::ApiVersion replica_state_from_version = 15;

runtime::Task<void> drop(BrokerShard& shard, std::int32_t id) {
  shard.fetch_sessions().drop(id);
  co_return;
}

runtime::Task<FetchSessions::Opened> open_at(BrokerShard& shard, FetchSessions::Ask ask,
                                             const FetchList& listed,
                                             const std::vector<ForgottenPartition>& forgotten) {
  const auto image = shard.image();
  const TopicNames names = [&image](const model::Uuid& id) -> std::string {
    const model::TopicImage* known = image->find(id);
    return known == nullptr ? "" : known->name;
  };
  co_return shard.fetch_sessions().open(ask, listed, forgotten, names, shard.shard().clock().now());
}

runtime::Task<FetchSessions::Selection> tell_at(BrokerShard& shard, std::int32_t id,
                                                std::int32_t epoch,
                                                const std::vector<FetchNews>& news) {
  co_return shard.fetch_sessions().tell(id, epoch, news);
}

// Adds up the partitions of a request. The same one twice: the last one counts, at the first place.
// Few are searched one by one, which needs no memory.
class ListMaker {
 public:
  explicit ListMaker(const Request& request) {
    list_.topics.reserve(request.topics.size());
    std::size_t partitions = 0;
    for (const auto& topic : request.topics) partitions += topic.partitions.size();
    list_.partitions.reserve(partitions);
    is_long_ = partitions + request.topics.size() > few;
  }

  void add(const FetchList::Topic& name, const Request::FetchTopic& topic) {
    const std::uint32_t place = place_of(name);
    for (const auto& asked : topic.partitions) {
      const FetchWish wish{asked.partition, asked.fetch_offset, asked.partition_max_bytes,
                           asked.current_leader_epoch, asked.last_fetched_epoch};
      FetchList::Partition* const listed = find(place, wish.index);
      if (listed != nullptr) {
        listed->wish = wish;
      } else {
        list_.partitions.push_back({place, wish});
      }
    }
  }
  [[nodiscard]] FetchList take() { return std::move(list_); }

 private:
  static constexpr std::size_t few = 16;

  // The place of a topic, which is added if it is new.
  std::uint32_t place_of(const FetchList::Topic& name) {
    const auto next = static_cast<std::uint32_t>(list_.topics.size());
    if (is_long_) {
      const auto [at, is_new] = topics_.try_emplace({name.id, name.name}, next);
      if (!is_new) return at->second;
    } else {
      for (std::uint32_t i = 0; i < next; ++i) {
        if (list_.topics[i].id == name.id && list_.topics[i].name == name.name) return i;
      }
    }
    list_.topics.push_back(name);
    return next;
  }

  // A partition that was listed before; a long list takes note of it if it was not.
  FetchList::Partition* find(std::uint32_t topic, std::int32_t index) {
    if (is_long_) {
      const auto [at, is_new] = seen_.try_emplace({topic, index}, list_.partitions.size());
      return is_new ? nullptr : &list_.partitions[at->second];
    }
    for (FetchList::Partition& listed : list_.partitions) {
      if (listed.topic == topic && listed.wish.index == index) return &listed;
    }
    return nullptr;
  }

  FetchList list_;
  bool is_long_ = false;
  std::map<std::pair<model::Uuid, std::string_view>, std::uint32_t> topics_;
  std::map<std::pair<std::uint32_t, std::int32_t>, std::size_t> seen_;
};

std::vector<ForgottenPartition> forgotten_of(const Request& request) {
  std::vector<ForgottenPartition> forgotten;
  for (const auto& topic : request.forgotten_topics_data) {
    for (const std::int32_t index : topic.partitions)
      forgotten.push_back({{topic.topic, topic.topic_id}, index});
  }
  return forgotten;
}

}  // namespace

FetchList FetchOpening::listed() const {
  ListMaker maker(request_);
  for (const auto& topic : request_.topics) maker.add({topic.topic, topic.topic_id}, topic);
  return maker.take();
}

void FetchOpening::find_names(FetchList& list) const {
  if (context_.version < ids_from_version) return;
  for (FetchList::Topic& topic : list.topics) {
    const model::TopicImage* known = context_.image->find(topic.id);
    if (known != nullptr) topic.name = known->name;
  }
}

BrokerShard& FetchOpening::owner_of_session() const {
  BrokerShard& home = context_.shard;
  return home.peer(
      runtime::ShardId(FetchSessions::shard_of(request_.session_id, home.shard().count())));
}

FetchList FetchOpening::asked() const {
  FetchList list = listed();
  find_names(list);
  return list;
}

runtime::Task<FetchOpening::Opened> FetchOpening::open() {
  Opened opened;
  opened.list = asked();
  if (!is_full()) {
    FetchSessions::Opened found = co_await open_session(opened.list);
    opened.error = found.error;
    if (found.is_over || opened.error != ErrorCode::none) co_return opened;
    session_id_ = request_.session_id;
    session_epoch_ = found.epoch;
    opened.list = std::move(found.list);
  } else if (request_.session_id > 0) {
    BrokerShard& owner = owner_of_session();
    auto end = [&owner, id = request_.session_id] { return drop(owner, id); };
    co_await runtime::call_on(context_.shard.shard(), owner.shard().id(), end);
  }
  co_return opened;
}

runtime::Task<FetchSessions::Opened> FetchOpening::open_session(const FetchList& listed) {
  if (request_.session_id <= 0) {
    FetchSessions::Opened unknown;
    unknown.error = ErrorCode::fetch_session_id_not_found;
    co_return unknown;
  }
  BrokerShard& owner = owner_of_session();
  const FetchSessions::Ask ask{request_.session_id, request_.session_epoch,
                               context_.version >= ids_from_version};
  const std::vector<ForgottenPartition> forgotten = forgotten_of(request_);
  auto open = [&] { return open_at(owner, ask, listed, forgotten); };
  co_return co_await runtime::call_on(context_.shard.shard(), owner.shard().id(), open);
}

runtime::Task<FetchOpening::End> FetchOpening::end(const FetchList& list,
                                                   std::vector<FetchNews> news) {
  End end;
  BrokerShard& home = context_.shard;
  if (session_id_ != 0) {
    BrokerShard& owner = owner_of_session();
    auto tell = [&] { return tell_at(owner, session_id_, session_epoch_, news); };
    FetchSessions::Selection told =
        co_await runtime::call_on(home.shard(), owner.shard().id(), tell);
    end.error = told.error;
    end.session_id = session_id_;
    end.answered = std::move(told.answered);
  } else if (request_.session_epoch == 0) {
    const std::int32_t replica = context_.version >= replica_state_from_version
                                     ? request_.replica_state.replica_id
                                     : request_.replica_id;
    // Whoever only says that it is a broker gets no better place than a consumer.
    FetchSessions::NewSession wanted;
    wanted.is_follower = replica != home.broker_id().value() &&
                         context_.image->broker(model::BrokerId(replica)) != nullptr;
    wanted.uses_ids = context_.version >= ids_from_version;
    wanted.random = home.shard().random().next();
    end.session_id = home.fetch_sessions().create(wanted, list, news, home.shard().clock().now());
  }
  co_return end;
}

}  // namespace gregor::broker
