// Fetch sessions (KIP-227): the broker remembers what a client fetches, so that its later requests
// and the answers carry only what has changed. Pure bookkeeping: no I/O, the time is an argument.
// Who uses it: handlers/fetch_opening.h.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error_code.h"
#include "model/uuid.h"
#include "runtime/clock.h"

namespace gregor::broker {

/// One partition as a client wants it fetched.
struct FetchWish {
  std::int32_t index = 0;
  std::int64_t offset = 0;
  std::int32_t bytes_max = 0;
  std::int32_t current_leader_epoch = -1;
  std::int32_t last_fetched_epoch = -1;
};

/// A topic that a session remembers. Requests name topics either by name or by id.
struct FetchTopic {
  std::string name;  ///< "" = an id that is not known (yet)
  model::Uuid id;    ///< zero in a session by names
};

/// What a fetch is about: each partition once, in the order in which they are served.
struct FetchList {
  struct Topic {
    std::string_view name;  ///< belongs to the request, the cluster image or `kept`
    model::Uuid id;
  };
  struct Partition {
    std::uint32_t topic = 0;  ///< index in `topics`
    FetchWish wish;
  };
  std::vector<Topic> topics;
  std::vector<Partition> partitions;
  std::vector<std::shared_ptr<const FetchTopic>> kept;
};

/// A partition that leaves a session. Unknown ones are ignored.
struct ForgottenPartition {
  FetchList::Topic topic;
  std::int32_t index = 0;
};

/// What the answer to a fetch has to say of one partition.
struct FetchNews {
  ErrorCode error = ErrorCode::none;
  std::int64_t high_watermark = -1;
  std::int64_t log_start = -1;
  bool has_records = false;
  bool is_diverging = false;
};

/// Finds the name of a topic; "" = unknown.
using TopicNames = std::function<std::string(const model::Uuid&)>;

/// The partitions of one session in the order in which they are served, and what its client was
/// told last.
///
/// Thread: one shard.
class FetchSession {
 public:
  explicit FetchSession(bool uses_ids) : uses_ids_(uses_ids) {}
  FetchSession(const FetchSession&) = delete;
  FetchSession& operator=(const FetchSession&) = delete;

  [[nodiscard]] bool uses_ids() const { return uses_ids_; }
  [[nodiscard]] std::size_t size() const { return order_.size(); }

  /// Adds or changes the listed partitions, then removes the forgotten ones.
  void update(const FetchList& listed, std::span<const ForgottenPartition> forgotten);
  /// All partitions. A name that was found once is kept, so that a topic made anew under it is
  /// told from the old one.
  [[nodiscard]] FetchList list(const TopicNames& names);
  /// A full answer has told all of this.
  void remember(std::span<const FetchNews> news);
  /// Decides what an answer has to carry: what is new since the client was last told.
  ///
  /// @param news  of all partitions, in the order of list()
  /// @return one per partition; those with records go to the end of the order
  std::vector<bool> tell(std::span<const FetchNews> news);

 private:
  struct Known;
  struct Entry {
    Known* topic = nullptr;
    FetchWish wish;
    std::int64_t high_watermark = -1;  // as last told; -1 = to be told
    std::int64_t log_start = -1;
  };
  using Order = std::list<Entry>;
  struct Known {
    std::shared_ptr<const FetchTopic> topic;
    std::map<std::int32_t, Order::iterator> partitions;
    std::uint32_t place = 0;    // in the list that is being made
    std::uint64_t listing = 0;  // number of that list
  };
  using Key = std::pair<model::Uuid, std::string>;

  [[nodiscard]] Key key_of(const FetchList::Topic& topic) const;
  static void note(Entry& entry, const FetchNews& told);
  void remove(const ForgottenPartition& forgotten);

  bool uses_ids_;
  std::map<Key, Known> topics_;
  Order order_;
  std::uint64_t listings_ = 0;
};

/// Where the sessions of a shard have their bounds.
struct FetchSessionLimits {
  std::size_t sessions = 0;
  std::size_t partitions = 0;  ///< of all sessions together
  std::uint32_t shard = 0;     ///< which of
  std::uint32_t shards = 1;    ///< how many
};

/// The sessions of one shard. A session's id names the shard: id % shards.
///
/// Thread:    one shard.
/// Invariant: never more sessions or partitions than the limits say. A session that was not used
///            for two minutes makes room for any; otherwise followers go before consumers and many
///            partitions before few, but one younger than two minutes yields to followers only.
/// Source:    KIP-227, as Apache Kafka 4.1 does it.
class FetchSessions {
 public:
  explicit FetchSessions(FetchSessionLimits limits) : limits_(limits) {}

  /// Other bounds from now on: of what is too much by them the sessions unused for longest go.
  void set_limits(FetchSessionLimits limits);

  /// The shard that an id names, whether or not the session exists.
  [[nodiscard]] static std::uint32_t shard_of(std::int32_t id, std::uint32_t shards) {
    return static_cast<std::uint32_t>(id) % shards;
  }
  [[nodiscard]] static std::int32_t epoch_after(std::int32_t epoch) {
    return epoch == INT32_MAX ? 1 : epoch + 1;
  }

  struct Ask {
    std::int32_t id = 0;
    std::int32_t epoch = 0;
    bool uses_ids = false;
  };
  struct Opened {
    ErrorCode error = ErrorCode::none;
    bool is_over = false;    ///< nothing is left in it: it was dropped
    std::int32_t epoch = 0;  ///< for tell()
    FetchList list;
  };
  /// An incremental fetch begins: the session is changed as it says, its epoch goes on.
  ///
  /// @errors fetch_session_id_not_found (also if it outgrows the limit: it is dropped),
  ///         invalid_fetch_session_epoch, fetch_session_topic_id_error: it is left as it was
  [[nodiscard]] Opened open(const Ask& ask, const FetchList& listed,
                            std::span<const ForgottenPartition> forgotten, const TopicNames& names,
                            runtime::Instant now);

  struct Selection {
    ErrorCode error = ErrorCode::none;  ///< invalid_fetch_session_epoch: another fetch came between
    std::vector<bool> answered;
  };
  /// The fetch that open() began has been read. @param epoch  as opened
  [[nodiscard]] Selection tell(std::int32_t id, std::int32_t epoch,
                               std::span<const FetchNews> news);

  struct NewSession {
    bool is_follower = false;
    bool uses_ids = false;
    std::uint64_t random = 0;
  };
  /// Makes a session of a full fetch that has been read.
  /// @return its id; 0 = there is no room
  std::int32_t create(const NewSession& wanted, const FetchList& list,
                      std::span<const FetchNews> news, runtime::Instant now);
  /// Unknown ids are ignored.
  void drop(std::int32_t id);

  [[nodiscard]] std::size_t size() const { return sessions_.size(); }
  [[nodiscard]] std::size_t partitions() const { return partitions_; }
  [[nodiscard]] std::uint64_t evictions() const { return evictions_; }

 private:
  /// How much a session is worth: the least one yields first.
  struct Worth {
    bool is_follower = false;
    std::size_t partitions = 0;
    std::int32_t id = 0;
    friend auto operator<=>(const Worth&, const Worth&) = default;
  };
  struct Held {
    std::unique_ptr<FetchSession> session;
    bool is_follower = false;
    std::int32_t epoch = 1;  // of the next request
    runtime::Instant created{};
    runtime::Instant used{};
    std::size_t counted = 0;  // partitions, at the last use
  };
  using Sessions = std::map<std::int32_t, Held>;

  [[nodiscard]] std::int32_t free_id(std::uint64_t random) const;
  void touch(std::int32_t id, Held& held, runtime::Instant now);
  void unlist(std::int32_t id, const Held& held);
  void drop(Sessions::iterator session);
  bool evict(const Worth& newcomer, runtime::Instant now);

  FetchSessionLimits limits_;
  Sessions sessions_;
  std::set<std::pair<runtime::Instant, std::int32_t>> by_use_;
  std::set<Worth> yield_to_followers_;
  std::set<Worth> yield_to_all_;
  std::size_t partitions_ = 0;
  std::uint64_t evictions_ = 0;
};

}  // namespace gregor::broker
