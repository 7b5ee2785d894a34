#include "broker/handlers/fetch_waiting.h"

#include <algorithm>
#include <utility>

#include "runtime/task_group.h"

namespace gregor::broker {
namespace {

/// The connection's side of a wait. From begin() on, wake-ups are noted.
///
/// Thread: the connection's shard.
class Parking {
 public:
  explicit Parking(RequestContext& context);
  ~Parking();
  Parking(const Parking&) = delete;
  Parking& operator=(const Parking&) = delete;

  [[nodiscard]] NoticeId notice() const { return notice_; }
  void begin();
  /// Until a wake-up, the deadline or the peer's going. @return false at the deadline
  runtime::Task<bool> wait(runtime::Instant deadline) { return signal_->wait_until(deadline); }
  [[nodiscard]] bool peer_has_gone() const { return context_.connection.disconnect->is_set(); }
  /// The shards that woke it since begin().
  [[nodiscard]] std::vector<runtime::ShardId> take_woken_by() {
    return std::exchange(parked_.woken_by, {});
  }

 private:
  void end();

  RequestContext& context_;
  BrokerShard& home_;
  FetchNoticeSlot& slot_;
  NoticeId notice_ = 0;
  bool uses_slot_ = false;
  ParkedFetch parked_;
  std::optional<runtime::OneShot> signal_;
};

void disarm_everywhere(BrokerShard& home, NoticeId notice) {
  for (std::uint32_t i = 0; i < home.shard().count(); ++i) {
    BrokerShard* armed = &home.peer(runtime::ShardId(i));
    armed->shard().post([armed, notice] { armed->notices().disarm(notice); });
  }
}

// A notice that did not fire stays for the connection's next fetch, which replaces it: taking it
// back would cost a message for each fetch.
Parking::Parking(RequestContext& context)
    : context_(context), home_(context.shard), slot_(*context.connection.fetch_notice) {
  uses_slot_ = !slot_.is_taken;
  if (!uses_slot_) {
    notice_ = home_.parked().make_id();
    return;
  }
  slot_.is_taken = true;
  if (slot_.notice == 0) {
    slot_.notice = home_.parked().make_id();
    slot_.take_back = [home = &home_, notice = slot_.notice] { disarm_everywhere(*home, notice); };
  }
  notice_ = slot_.notice;
}

Parking::~Parking() {
  end();
  if (uses_slot_) {
    slot_.is_taken = false;
  } else {
    disarm_everywhere(home_, notice_);
  }
}

void Parking::begin() {
  end();
  signal_.emplace(home_.shard());
  parked_ = {&*signal_, {}};
  home_.parked().add(notice_, parked_);
  context_.connection.disconnect->add(&*signal_);
}

void Parking::end() {
  if (!signal_) return;
  context_.connection.disconnect->remove(&*signal_);
  home_.parked().remove(notice_);
  signal_.reset();
}

/// The parts of a fetch by the shards that own them.
///
/// Thread: the connection's shard. Borrows: the parts.
class PartsByShard {
 public:
  struct Group {
    runtime::ShardId shard;
    std::vector<FetchPart*> parts;
  };

  PartsByShard(BrokerShard& home, std::span<FetchPart> parts) : home_(home) {
    for (FetchPart& part : parts) {
      Group& group = of(home.owner(part.topic, part.index));
      if (group.parts.empty()) group.parts.reserve(parts.size());
      group.parts.push_back(&part);
    }
  }

  /// Reads what is on all shards, one message for each.
  runtime::Task<void> read(std::optional<NoticeOrder> order) {
    runtime::TaskGroup pending;
    for (std::size_t i = 1; i < groups_.size(); ++i)
      pending.spawn(read_group(groups_[i], FetchRange::all, order));
    if (!groups_.empty()) co_await read_group(groups_[0], FetchRange::all, order);
    if (groups_.size() > 1) co_await pending.join();
  }

  /// Reads again what has moved on these shards.
  runtime::Task<void> read_moved(std::span<const runtime::ShardId> shards,
                                 std::optional<NoticeOrder> order) {
    for (const Group& group : groups_) {
      if (std::find(shards.begin(), shards.end(), group.shard) != shards.end())
        co_await read_group(group, FetchRange::moved, order);
    }
  }

  /// Something was found, but not enough: where it was found there is no notice yet.
  runtime::Task<void> arm(NoticeOrder order) {
    for (const Group& group : groups_) {
      auto work = [this, &group, order] {
        return arm_group(home_.peer(group.shard), group, order);
      };
      co_await runtime::call_on(home_.shard(), group.shard, work);
    }
  }

 private:
  Group& of(runtime::ShardId shard) {
    for (Group& group : groups_) {
      if (group.shard == shard) return group;
    }
    return groups_.emplace_back(Group{shard, {}});
  }

  runtime::Task<void> read_group(const Group& group, FetchRange range,
                                 std::optional<NoticeOrder> order) {
    if (group.shard == home_.shard().id()) {  // the common case, without a task of its own
      co_await read_parts(home_, group.parts, range, order);
      co_return;
    }
    auto work = [this, &group, range, order] {
      return read_parts(home_.peer(group.shard), group.parts, range, order);
    };
    co_await runtime::call_on(home_.shard(), group.shard, work);
  }

  static runtime::Task<void> arm_group(BrokerShard& shard, const Group& group, NoticeOrder order) {
    arm_notice(shard, order, group.parts);
    co_return;
  }

  BrokerShard& home_;
  std::vector<Group> groups_;
};

bool any_special(std::span<const FetchPart> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [](const FetchPart& part) { return part.answer.is_special(); });
}

// Bytes missing may come to several shards: each tells when its share is there.
std::uint64_t share_of(std::uint64_t bytes, const BrokerShard& home) {
  const std::uint64_t count = home.shard_count();
  return (bytes + count - 1) / count;
}

}  // namespace

runtime::Task<void> read_and_wait(RequestContext& context, FetchPlan& plan,
                                  runtime::Instant deadline) {
  BrokerShard& home = context.shard;
  PartsByShard parts(home, plan.parts());
  if (plan.answers_at_once()) {
    co_await parts.read(std::nullopt);
    plan.limit();
    co_return;
  }
  Parking parking(context);
  parking.begin();
  const NoticeOrder order{parking.notice(), share_of(plan.bytes_missing(0), home)};
  co_await parts.read(order);
  for (;;) {
    const std::uint64_t bytes = plan.limit();
    if (bytes >= plan.bytes_min() || any_special(plan.parts())) co_return;
    if (bytes > 0) {
      const NoticeOrder rest{parking.notice(), share_of(plan.bytes_missing(bytes), home)};
      co_await parts.arm(rest);
      plan.drop_records();
    }
    bool woken = co_await parking.wait(deadline);
    woken = woken && !parking.peer_has_gone();
    const std::vector<runtime::ShardId> woken_by = parking.take_woken_by();
    if (!woken) {
      co_await parts.read(std::nullopt);
      plan.limit();
      co_return;
    }
    parking.begin();
    if (bytes == 0 && plan.bytes_min() == 1) {
      co_await parts.read_moved(woken_by, order);
    } else {
      co_await parts.read(order);
    }
  }
}

}  // namespace gregor::broker
