#include "metadata/simulated/simulated_store.h"

#include <deque>
#include <utility>

#include "base/assert.h"
#include "metadata/request.h"

namespace gregor::metadata {

using znode::SessionEvent;
using znode::StoreError;

/// A client of the server: one connection, two queues (to the server, from the server), both first
/// in, first out.
///
/// Invariant: a request is in exactly one queue until it is answered. While the connection is
/// broken, requests wait in
///            outbound_ and events in inbound_; answers never do.
class SimulatedStore final : public RequestStore {
 public:
  SimulatedStore(SimulatedStoreServer& server, runtime::Shard& shard, std::int64_t session_id)
      : server_(server),
        shard_(shard),
        session_id_(session_id),
        self_(std::make_shared<SimulatedStore*>(this)) {}
  ~SimulatedStore() override {
    *self_ = nullptr;
    const auto session = server_.sessions_.find(session_id_);
    if (session != server_.sessions_.end()) session->second.store = nullptr;
  }

  void on_watch(UniqueFunction<void(const znode::WatchEvent&)> callback) override {
    on_watch_ = std::move(callback);
  }
  void on_session(UniqueFunction<void(SessionEvent)> callback) override {
    on_session_ = std::move(callback);
  }
  [[nodiscard]] std::int64_t session_id() const override { return session_id_; }

  /// Called by the server, from whatever node made the change.
  void receive_events(std::vector<znode::WatchEvent> events);
  void break_connection(bool apply_first);
  void session_ended();
  [[nodiscard]] runtime::Shard& shard() { return shard_; }
  [[nodiscard]] std::weak_ptr<SimulatedStore*> alive() const { return self_; }

 private:
  struct Outbound {
    RequestPointer request;
    bool breaks = false;  // the connection breaks when it arrives
  };
  struct Inbound {
    std::variant<znode::WatchEvent, std::pair<RequestPointer, Answer>> message;
  };

  void submit(RequestPointer request) override;
  void send_later();
  void deliver_later();
  void arrive();
  void deliver();
  void reconnect();
  [[nodiscard]] Answer carry_out(const PendingRequest& request);
  [[nodiscard]] runtime::Duration draw_delay();
  void after(runtime::Duration delay, void (SimulatedStore::*step)());
  void fail_requests(std::vector<RequestPointer> requests, StoreError error);
  std::vector<RequestPointer> take_inbound_requests();

  SimulatedStoreServer& server_;
  runtime::Shard& shard_;
  const std::int64_t session_id_;
  const std::shared_ptr<SimulatedStore*>
      self_;  // null inside once the store has gone; timers hold a weak one
  std::deque<Outbound> outbound_;
  std::deque<Inbound> inbound_;
  UniqueFunction<void(const znode::WatchEvent&)> on_watch_;
  UniqueFunction<void(SessionEvent)> on_session_;
  std::uint64_t connection_ = 0;  // counts breaks: what was under way on an older one is void
  bool connected_ = true;
  bool ended_ = false;
};

runtime::Duration SimulatedStore::draw_delay() {
  const auto& options = server_.options_;
  const auto spread = static_cast<std::uint64_t>((options.delay_max - options.delay_min).count());
  if (options.delay_max <= options.delay_min) return options.delay_min;
  return options.delay_min +
         runtime::Duration(static_cast<std::int64_t>(server_.draw() % (spread + 1)));
}

// Runs `step` on the store's shard after the delay, unless the store has gone or its connection has
// broken by then.
void SimulatedStore::after(runtime::Duration delay, void (SimulatedStore::*step)()) {
  std::weak_ptr<SimulatedStore*> weak = self_;
  auto run = [weak, step, connection = connection_] {
    const auto self = weak.lock();
    if (self && *self != nullptr && (*self)->connection_ == connection) ((*self)->*step)();
  };
  if (delay.count() <= 0) return shard_.post(std::move(run));
  shard_.start_timer(shard_.clock().now() + delay, std::move(run));
}

void SimulatedStore::send_later() { after(draw_delay(), &SimulatedStore::arrive); }
void SimulatedStore::deliver_later() { after(draw_delay(), &SimulatedStore::deliver); }

void SimulatedStore::submit(RequestPointer request) {
  if (ended_) {
    request->answer(StoreFailure{StoreError::session_expired, "the session has ended", 0});
    return;
  }
  const auto ppm = server_.options_.connection_loss_ppm;
  const bool breaks = ppm > 0 && server_.draw() % 1'000'000 < ppm;
  outbound_.push_back({std::move(request), breaks});
  if (connected_) send_later();
}

// One message reaches the server: it is the first of the queue, whichever message's delay has
// passed.
void SimulatedStore::arrive() {
  if (outbound_.empty()) return;
  if (outbound_.front().breaks) {
    outbound_.front().breaks = false;
    return break_connection(server_.draw() % 2 == 0);
  }
  auto request = std::move(outbound_.front().request);
  outbound_.pop_front();
  Answer answer = carry_out(*request);
  inbound_.push_back({std::pair(std::move(request), std::move(answer))});
  deliver_later();
}

Answer SimulatedStore::carry_out(const PendingRequest& request) {
  const std::int64_t now_ms = server_.last_now_ms_ = shard_.clock().wall_ms();
  const auto session = server_.sessions_.find(session_id_);
  if (session == server_.sessions_.end())
    return StoreFailure{StoreError::session_expired, "expired", 0};
  if (const auto* read = std::get_if<ReadRequest>(&request.body())) {
    return answer_read(server_.tree_, *read, session->second.watches);
  }
  if (std::holds_alternative<CloseRequest>(request.body())) {
    session->second.store = nullptr;
    server_.end_session(session_id_, now_ms);
    ended_ = true;
    return {};
  }
  const auto& change = std::get<ChangeRequest>(request.body());
  auto applied = server_.tree_.apply(change.operations, {session_id_, now_ms});
  if (!applied) return std::move(applied.error());
  server_.announce(applied->events);
  return std::move(applied->results);
}

void SimulatedStore::receive_events(std::vector<znode::WatchEvent> events) {
  for (auto& event : events) {
    inbound_.push_back({std::move(event)});
    if (connected_) deliver_later();
  }
}

void SimulatedStore::deliver() {
  if (inbound_.empty()) return;
  auto message = std::move(inbound_.front().message);
  inbound_.pop_front();
  if (auto* event = std::get_if<znode::WatchEvent>(&message)) {
    if (on_watch_) on_watch_(*event);
    return;
  }
  auto& [request, answer] = std::get<1>(message);
  request->answer(std::move(answer));  // the last thing: it may destroy the store
}

std::vector<RequestPointer> SimulatedStore::take_inbound_requests() {
  std::vector<RequestPointer> requests;
  std::deque<Inbound> events;
  for (auto& inbound : inbound_) {
    if (auto* answered = std::get_if<1>(&inbound.message)) {
      requests.push_back(std::move(answered->first));
    } else {
      events.push_back(std::move(inbound));
    }
  }
  inbound_ = std::move(events);
  return requests;
}

// Nothing of what was under way is answered but with `unknown`; with apply_first the server has got
// all of it.
void SimulatedStore::break_connection(bool apply_first) {
  if (!connected_ || ended_) return;
  connected_ = false;
  if (apply_first) {
    while (!outbound_.empty()) {
      auto request = std::move(outbound_.front().request);
      outbound_.pop_front();
      Answer lost = carry_out(*request);
      inbound_.push_back({std::pair(std::move(request), std::move(lost))});
    }
  }
  auto requests = take_inbound_requests();
  for (auto& outbound : std::exchange(outbound_, {}))
    requests.push_back(std::move(outbound.request));
  ++connection_;
  after(server_.options_.reconnect_after, &SimulatedStore::reconnect);
  if (on_session_) on_session_(SessionEvent::disconnected);
  fail_requests(std::move(requests), StoreError::unknown);
}

void SimulatedStore::reconnect() {
  if (ended_) return;
  connected_ = true;
  for (std::size_t i = 0; i < inbound_.size(); ++i) deliver_later();
  for (std::size_t i = 0; i < outbound_.size(); ++i) send_later();
  if (on_session_) on_session_(SessionEvent::connected);
}

void SimulatedStore::fail_requests(std::vector<RequestPointer> requests, StoreError error) {
  auto& server = server_;  // an answer may destroy the store
  const auto session_id = session_id_;
  for (auto& request : requests) {
    // A close that was under way counts as done: the server ends the session of a client that has
    // gone.
    if (std::holds_alternative<CloseRequest>(request->body())) {
      server.expire(session_id);
      request->answer({});
    } else {
      request->answer(StoreFailure{error, "simulated", 0});
    }
  }
}

// The server has ended the session. What was carried out but not delivered is unknown to the
// client; the rest was not made.
void SimulatedStore::session_ended() {
  if (ended_) return;
  ended_ = true;
  ++connection_;
  std::vector<RequestPointer> done;
  std::vector<RequestPointer> waiting;
  for (auto& inbound : std::exchange(inbound_, {})) {
    auto* answered = std::get_if<1>(&inbound.message);
    if (answered == nullptr) continue;
    const bool refused = std::holds_alternative<StoreFailure>(answered->second);
    (refused ? waiting : done).push_back(std::move(answered->first));
  }
  for (auto& outbound : std::exchange(outbound_, {}))
    waiting.push_back(std::move(outbound.request));
  if (on_session_) on_session_(SessionEvent::expired);
  const auto self = self_;  // an answer may destroy the store
  fail_requests(std::move(done), StoreError::unknown);
  if (*self != nullptr) fail_requests(std::move(waiting), StoreError::session_expired);
}

SimulatedStoreServer::SimulatedStoreServer(SimulatedStoreOptions options)
    : options_(options), random_state_(options.seed) {}

SimulatedStoreServer::~SimulatedStoreServer() {
  for (const auto& [id, session] : sessions_) GREGOR_ASSERT(session.store == nullptr);
}

// SplitMix64: one seed, one run.
std::uint64_t SimulatedStoreServer::draw() {
  std::uint64_t z = (random_state_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

std::unique_ptr<Store> SimulatedStoreServer::connect(runtime::Shard& shard) {
  const std::int64_t id = ++last_session_;
  auto store = std::make_unique<SimulatedStore>(*this, shard, id);
  sessions_[id].store = store.get();
  return store;
}

namespace {

// By message, so that a store is only ever called on its own shard.
template <class F>
void on_store(SimulatedStore& store, F function) {
  store.shard().post([alive = store.alive(), function = std::move(function)] {
    const auto self = alive.lock();
    if (self && *self != nullptr) function(**self);
  });
}

}  // namespace

void SimulatedStoreServer::expire(std::int64_t session_id) {
  const auto session = sessions_.find(session_id);
  if (session == sessions_.end()) return;
  auto* store = std::exchange(session->second.store, nullptr);
  end_session(session_id, last_now_ms_);
  if (store != nullptr) on_store(*store, [](SimulatedStore& s) { s.session_ended(); });
}

void SimulatedStoreServer::expire_all() {
  while (!sessions_.empty()) expire(sessions_.begin()->first);
}

void SimulatedStoreServer::disconnect(std::int64_t session_id) {
  const auto session = sessions_.find(session_id);
  if (session == sessions_.end() || session->second.store == nullptr) return;
  auto* store = session->second.store;
  const bool apply_first = draw() % 2 == 0;
  on_store(*store, [apply_first](SimulatedStore& s) { s.break_connection(apply_first); });
}

void SimulatedStoreServer::set_options(const SimulatedStoreOptions& options) { options_ = options; }

void SimulatedStoreServer::end_session(std::int64_t session_id, std::int64_t now_ms) {
  sessions_.erase(session_id);
  announce(tree_.end_session(session_id, now_ms).events);
}

void SimulatedStoreServer::announce(const std::vector<znode::WatchEvent>& changes) {
  for (auto& [id, session] : sessions_) {
    auto events = session.watches.fire(changes);
    if (session.store != nullptr && !events.empty())
      session.store->receive_events(std::move(events));
  }
}

}  // namespace gregor::metadata
