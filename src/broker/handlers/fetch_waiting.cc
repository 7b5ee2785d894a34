#include "broker/handlers/fetch_waiting.h"

#include <algorithm>
#include <utility>

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
  /// Until a wake-up, the deadline or the peer's going. @return true for a wake-up
  runtime::Task<bool> wait(runtime::Instant deadline);
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

runtime::Task<bool> Parking::wait(runtime::Instant deadline) {
  const bool woken = co_await signal_->wait_until(deadline);
  co_return woken && !context_.connection.disconnect->is_set();
}

struct FetchVisit {
  BrokerShard& home;
  std::optional<NoticeOrder> order;

  runtime::Task<std::vector<FetchAnswer>> read(std::span<FetchPart> parts) {
    auto owner = [this](const FetchPart& part) { return home.owner(part.topic, part.index); };
    auto work = [this](runtime::ShardId target, std::span<FetchPart* const> group) {
      return read_parts(home.peer(target), group, order);
    };
    co_return co_await scatter<FetchAnswer>(home.shard(), parts, owner, work);
  }

  // Reads only what is on these shards; the other answers stay.
  runtime::Task<void> read_again(std::span<FetchPart> parts,
                                 std::span<const runtime::ShardId> shards,
                                 std::vector<FetchAnswer>& answers) {
    std::vector<FetchPart> wanted;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto at = home.owner(parts[i].topic, parts[i].index);
      if (std::find(shards.begin(), shards.end(), at) == shards.end()) continue;
      wanted.push_back(parts[i]);
      places.push_back(i);
    }
    std::vector<FetchAnswer> got = co_await read(wanted);
    for (std::size_t i = 0; i < got.size(); ++i) {
      answers[places[i]] = std::move(got[i]);
      parts[places[i]].seen = wanted[i].seen;
    }
  }
};

runtime::Task<std::vector<bool>> arm_group(BrokerShard& shard, NoticeOrder order,
                                           std::span<FetchPart* const> parts) {
  arm_notice(shard, order, parts);
  co_return std::vector<bool>();
}

// Something was found, but not enough: where it was found there is no notice yet.
runtime::Task<void> arm_all(BrokerShard& home, NoticeOrder order, std::span<FetchPart> parts) {
  auto owner = [&home](const FetchPart& part) { return home.owner(part.topic, part.index); };
  auto arm = [&home, order](runtime::ShardId target, std::span<FetchPart* const> group) {
    return arm_group(home.peer(target), order, group);
  };
  co_await scatter<bool>(home.shard(), parts, owner, arm);
}

bool any_failed(const std::vector<FetchAnswer>& answers) {
  return std::any_of(answers.begin(), answers.end(), [](const FetchAnswer& answer) {
    return answer.error != ErrorCode::none || answer.diverging;
  });
}

// Bytes missing may come to several shards: each tells when its share is there.
std::uint64_t share_of(std::uint64_t bytes, const BrokerShard& home) {
  const std::uint64_t count = home.shard_count();
  return (bytes + count - 1) / count;
}

}  // namespace

runtime::Task<std::vector<FetchAnswer>> read_and_wait(RequestContext& context, FetchPlan& plan,
                                                      runtime::Instant deadline) {
  BrokerShard& home = context.shard;
  FetchVisit visit{home, std::nullopt};
  if (plan.answers_at_once()) {
    std::vector<FetchAnswer> answers = co_await visit.read(plan.parts());
    plan.limit(answers);
    co_return answers;
  }
  Parking parking(context);
  parking.begin();
  visit.order = NoticeOrder{parking.notice(), share_of(plan.bytes_missing(0), home)};
  std::vector<FetchAnswer> answers = co_await visit.read(plan.parts());
  for (;;) {
    const std::uint64_t bytes = plan.limit(answers);
    if (bytes >= plan.bytes_min() || any_failed(answers)) co_return answers;
    if (bytes > 0) {
      const NoticeOrder rest{parking.notice(), share_of(plan.bytes_missing(bytes), home)};
      co_await arm_all(home, rest, plan.parts());
    }
    const bool woken = co_await parking.wait(deadline);
    if (!woken) visit.order.reset();
    const std::vector<runtime::ShardId> woken_by = parking.take_woken_by();
    if (woken) parking.begin();
    if (woken && bytes == 0 && plan.bytes_min() == 1) {
      co_await visit.read_again(plan.parts(), woken_by, answers);
    } else {
      answers = co_await visit.read(plan.parts());
    }
    if (woken) continue;
    plan.limit(answers);
    co_return answers;
  }
}

}  // namespace gregor::broker
