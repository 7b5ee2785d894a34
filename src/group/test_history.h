// A random history of one group for group_model_test.cc: clients that join, beat, restart, leave
// and fall silent, stores that are slow or fail, and a naive book of what must hold whatever
// happens.
//
// The book knows nothing of states and timers of the group. It holds who has been taken in, when
// each gave its last sign of life, what was stored, and who owns what in this generation.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "group/group.h"
#include "runtime/simulated/prng.h"

namespace gregor::group {

/// One history; `fault()` tells the first thing that was wrong.
class RandomHistory {
 public:
  /// @param traces  keeps a line per event
  explicit RandomHistory(std::uint64_t seed, bool traces = false)
      : traces_(traces), prng_(seed), settings_(make_settings(prng_)), group_(settings_, now_) {
    rebalance_ms_ = prng_.chance(0.5) ? 5000 : 20000;
  }

  /// Plays `steps` random events, then lets everybody fall silent until nothing is left.
  void play(int steps) {
    for (int i = 0; i < steps && fault_.empty(); ++i) step();
    wind_up();
  }
  [[nodiscard]] const std::string& fault() const { return fault_; }
  [[nodiscard]] const std::string& trace() const { return trace_; }
  [[nodiscard]] std::int32_t generations() const { return group_.generation(); }
  [[nodiscard]] std::size_t handed_out() const { return handed_out_; }

 private:
  enum class Does { nothing, waits_for_join, has_joined, waits_for_sync, consumes, is_gone };
  struct Client {
    int number = 0;
    std::string id;
    std::optional<std::string> instance;
    std::vector<Protocol> protocols;
    std::int32_t session_ms = 6000;
    bool is_modern = false;  // member id required, skips assignments
    Does does = Does::nothing;
    std::int32_t generation = -1;
    std::optional<std::vector<std::string>> to_assign;  // the leader's list
    RequestId open = 0;
  };
  // Someone the group has taken in.
  struct Seat {
    std::optional<std::string> instance;
    std::int32_t session_ms = 0;
    std::int32_t old_session_ms = 0;  // of the static member before
    std::int64_t last_sign = 0;
    RequestId join = 0;
    std::int64_t join_since = 0;
    RequestId sync = 0;
    bool is_new = false;
    bool is_synced = false;
    std::int32_t joined_generation = -1;
    // As it was before the event under way.
    std::int64_t sign_before = 0;
    bool has_waited = false;
    bool was_synced = false;
    bool was_new = false;
  };
  struct Open {
    int client = 0;
    bool is_join = false;
    bool is_new = true;  // came with this very event
    std::string id;      // of the seat
  };
  struct Waiting {
    StoreId id = 0;
    StoredGroup content;
  };

  static constexpr int partitions = 6;
  static constexpr std::int64_t new_member_ms = 300'000;

  static GroupSettings make_settings(runtime::simulated::Prng& prng) {
    GroupSettings settings;
    settings.initial_rebalance_delay_ms = prng.chance(0.3) ? 0 : 3000;
    if (prng.chance(0.2)) settings.size_max = 3;
    return settings;
  }

  void fail(const std::string& what) {
    if (fault_.empty()) fault_ = "at " + std::to_string(now_.monotonic_ms) + " ms: " + what;
  }

  void note(const std::string& what) {
    if (!traces_) return;
    trace_ += std::to_string(now_.monotonic_ms) + " " + what + "\n";
  }

  // Clients

  void step() {
    const std::uint64_t dice = prng_.below(100);
    if (clients_.empty() || (dice < 6 && clients_.size() < 8)) return add_client();
    if (dice < 58) return act(clients_[prng_.below(clients_.size())]);
    if (dice < 74) return end_store(prng_.chance(0.1));
    if (dice < 88) return advance(static_cast<std::int64_t>(prng_.below(800)));
    if (dice < 94) return advance(static_cast<std::int64_t>(prng_.below(12'000)));
    if (dice < 97) return noise();
    if (group_.next_deadline_ms())
      advance(std::max<std::int64_t>(0, *group_.next_deadline_ms() - now_.monotonic_ms));
  }

  void add_client() {
    Client client;
    client.number = static_cast<int>(clients_.size());
    if (prng_.chance(0.3)) client.instance = "i" + std::to_string(prng_.below(3));
    client.session_ms = prng_.chance(0.5) ? 6000 : 10000;
    client.is_modern = prng_.chance(0.6);
    choose_protocols(client);
    clients_.push_back(std::move(client));
    act(clients_.back());
  }

  void choose_protocols(Client& client) {
    static const std::vector<std::string> names{"range", "sticky", "roundrobin"};
    client.protocols.clear();
    for (const std::string& name : names) {
      if (name == "range" ? prng_.chance(0.95) : prng_.chance(0.5))
        client.protocols.push_back({name, {std::byte(prng_.below(3))}});
    }
    if (prng_.chance(0.3)) std::reverse(client.protocols.begin(), client.protocols.end());
  }

  void act(Client& client) {
    const bool is_odd = prng_.chance(0.04);
    switch (client.does) {
      case Does::nothing:
        return send_join(client);
      case Does::waits_for_join:
        if (is_odd) send_join(client);
        return;
      case Does::has_joined:
        if (is_odd) return send_join(client);
        return send_sync(client);
      case Does::waits_for_sync:
        if (is_odd) send_sync(client);
        return;
      case Does::consumes:
        return consume(client);
      case Does::is_gone:
        if (is_odd) beat(client);
        return;
    }
  }

  void consume(Client& client) {
    const std::uint64_t dice = prng_.below(100);
    if (dice < 70) return beat(client);
    if (dice < 78) return commit(client);
    if (dice < 84) return leave(client);
    if (dice < 88) {
      client.does = Does::is_gone;
      return;
    }
    if (dice < 92 && client.instance) {
      client.id.clear();  // it starts anew
      return send_join(client);
    }
    if (dice < 96) choose_protocols(client);
    send_join(client);
  }

  // Requests

  void send_join(Client& client) {
    begin_event();
    JoinRequest request;
    request.request = ++last_request_;
    request.member_id = client.id;
    request.new_member_id =
        "m" + std::to_string(client.number) + "-" + std::to_string(last_request_);
    request.instance_id = client.instance;
    request.protocol_type = "consumer";
    request.protocols = client.protocols;
    request.session_timeout_ms = client.session_ms;
    request.rebalance_timeout_ms = static_cast<std::int32_t>(rebalance_ms_);
    request.requires_known_member_id = client.is_modern;
    request.can_skip_assignment = client.is_modern;
    const std::string id = client.id.empty() ? request.new_member_id : client.id;
    abandon(client);
    client.open = last_request_;
    client.does = Does::waits_for_join;
    open_[last_request_] = {client.number, true, true, id};
    actor_ = id;
    joins_ = true;
    note("join " + client.id + " (" + id + ") instance " + client.instance.value_or("-"));
    group_.join(std::move(request), now_, effects_);
    if (!is_refused(last_request_)) take_in(client, id);
    end_event();
  }

  // Whoever waits for it does so no more; the group still answers.
  void abandon(Client& client) {
    if (client.open != 0) abandoned_.insert(client.open);
    client.open = 0;
  }

  [[nodiscard]] bool is_refused(RequestId request) const {
    for (const Effect& effect : effects_) {
      const auto* joined = std::get_if<effect::AnswerJoin>(&effect);
      if (joined != nullptr && joined->request == request)
        return joined->answer.error != ErrorCode::none;
      const auto* synced = std::get_if<effect::AnswerSync>(&effect);
      if (synced != nullptr && synced->request == request)
        return synced->answer.error != ErrorCode::none;
    }
    return false;
  }

  void take_in(const Client& client, const std::string& id) {
    if (!group_.has_member(id)) return fail(id + " has joined and is no member");
    pending_.erase(id);
    Seat seat;
    seat.is_new = !seats_.contains(id);
    if (auto old = seats_.find(id); old != seats_.end()) seat = old->second;
    for (auto other = seats_.begin(); client.instance && other != seats_.end(); ++other) {
      if (other->first == id || other->second.instance != client.instance) continue;
      seat = other->second;  // static: the new one takes the seat
      seat.is_new = false;
      seat.sync = 0;
      seat.last_sign = now_.monotonic_ms;
      seats_.erase(other);
      break;
    }
    seat.instance = client.instance;
    seat.old_session_ms = seat.session_ms;
    seat.session_ms = client.session_ms;
    seat.join = last_request_;
    seat.join_since = now_.monotonic_ms;
    seats_[id] = seat;
  }

  void send_sync(Client& client) {
    begin_event();
    SyncRequest request;
    request.request = ++last_request_;
    request.member = {client.id, client.instance, client.generation};
    if (prng_.chance(0.02)) --request.member.generation;
    if (client.to_assign) request.assignments = deal(*client.to_assign);
    abandon(client);
    client.open = last_request_;
    client.does = Does::waits_for_sync;
    open_[last_request_] = {client.number, false, true, client.id};
    actor_ = client.id;
    sync_generation_[last_request_] = request.member.generation;
    note("sync " + client.id);
    group_.sync(std::move(request), now_, effects_);
    auto seat = seats_.find(client.id);
    if (seat != seats_.end() && !is_refused(last_request_)) {
      seat->second.is_synced = true;
      seat->second.sync = last_request_;
    }
    end_event();
  }

  // Every partition to one member; at times a member is left out, or one named that is none.
  std::vector<MemberAssignment> deal(const std::vector<std::string>& members) {
    std::vector<std::string> receivers = members;
    if (prng_.chance(0.2)) receivers.erase(receivers.begin());
    if (prng_.chance(0.1)) receivers.push_back("nobody");
    if (receivers.empty()) return {};
    std::vector<MemberAssignment> dealt;
    for (const std::string& id : receivers) dealt.push_back({id, {}});
    const std::size_t first = prng_.below(receivers.size());
    for (int i = 0; i < partitions; ++i) {
      dealt[(first + static_cast<std::size_t>(i)) % dealt.size()].assignment.push_back(
          static_cast<std::byte>(i));
    }
    return dealt;
  }

  void beat(Client& client) {
    begin_event();
    const ErrorCode error = group_.heartbeat({client.id, client.instance, client.generation}, now_);
    note("beat " + client.id + ": " + std::string(error_name(error)));
    auto seat = seats_.find(client.id);
    const bool is_alive = error == ErrorCode::none || error == ErrorCode::rebalance_in_progress;
    if (is_alive && seat == seats_.end()) fail(client.id + " is no member and may beat");
    if (is_alive && seat != seats_.end()) seat->second.last_sign = now_.monotonic_ms;
    if (is_alive && client.generation != group_.generation())
      fail(client.id + " beats in an old generation");
    if (error == ErrorCode::unknown_member_id && seat != seats_.end())
      fail(client.id + " is a member and unknown");
    if (client.does != Does::is_gone) hear(client, error);
    end_event();
  }

  void commit(Client& client) {
    begin_event();
    const ErrorCode error =
        group_.validate_offset_commit({client.id, client.instance, client.generation});
    if (error == ErrorCode::none) {
      if (client.generation != group_.generation()) fail(client.id + " commits in the past");
      const bool counts = group_.state() != GroupState::completing_rebalance;
      group_.note_offset_commit(client.id, now_);
      auto seat = seats_.find(client.id);
      if (seat == seats_.end()) {
        fail(client.id + " is no member and may commit");
      } else if (counts) {
        seat->second.last_sign = now_.monotonic_ms;
      }
    }
    end_event();
  }

  void leave(Client& client) {
    begin_event();
    std::vector<LeavingMember> leaving{{client.id, client.instance, "test"}};
    if (prng_.chance(0.1)) leaving.push_back({"nobody", std::nullopt, ""});
    actor_ = client.id;
    note("leave " + client.id);
    const auto answers = group_.leave(leaving, now_, effects_);
    if (answers.size() != leaving.size()) fail("LeaveGroup is answered for others");
    if (answers[0] == ErrorCode::none) {
      pending_.erase(client.id);
      if (group_.has_member(client.id)) fail(client.id + " has left and is a member");
    }
    client.does = Does::nothing;
    client.id.clear();
    end_event();
  }

  // What is not of this group must change nothing.
  void noise() {
    begin_event();
    const std::vector<LeavingMember> leaving{{"nobody", "nothing", ""}, {"", std::nullopt, ""}};
    for (const ErrorCode error : group_.leave(leaving, now_, effects_)) {
      if (error != ErrorCode::unknown_member_id) fail("a stranger may leave");
    }
    if (group_.heartbeat({"nobody", std::nullopt, group_.generation()}, now_) !=
        ErrorCode::unknown_member_id) {
      fail("a stranger may beat");
    }
    if (!effects_.empty()) fail("noise has effects");
    end_event();
  }

  // What a client does about an error.
  void hear(Client& client, ErrorCode error) {
    switch (error) {
      case ErrorCode::none:
        return;
      case ErrorCode::fenced_instance_id:
        client.does = Does::is_gone;
        return;
      case ErrorCode::inconsistent_group_protocol:
        choose_protocols(client);
        break;
      case ErrorCode::unknown_member_id:
      case ErrorCode::group_max_size_reached:
        client.id.clear();
        break;
      default:
        break;
    }
    client.does = Does::nothing;
  }

  // Time and stores

  void advance(std::int64_t ms) {
    const std::int64_t end = now_.monotonic_ms + ms;
    for (int i = 0; i < 1000 && fault_.empty(); ++i) {
      const auto next = group_.next_deadline_ms();
      if (!next || *next > end) break;
      begin_event();
      set_time(std::max(*next, now_.monotonic_ms));
      note("time");
      group_.on_time(now_, effects_);
      end_event();
      if (i == 999) fail("time stands still");
    }
    if (now_.monotonic_ms < end) {
      begin_event();
      set_time(end);
      end_event();
    }
  }

  void set_time(std::int64_t to) {
    now_.wall_ms += to - now_.monotonic_ms;
    now_.monotonic_ms = to;
  }

  void end_store(bool fails) {
    if (stores_.empty()) return;
    begin_event();
    Waiting store = std::move(stores_.front());
    stores_.pop_front();
    if (!fails) stored_ = std::move(store.content);
    if (fails) is_reverted_ = true;
    note(std::string("store ") + (fails ? "failed" : "done"));
    group_.on_stored(store.id, fails ? ErrorCode::not_coordinator : ErrorCode::none, now_,
                     effects_);
    end_event();
  }

  void wind_up() {
    for (Client& client : clients_) client.does = Does::is_gone;
    const std::int64_t end = now_.monotonic_ms + 2 * new_member_ms;
    while (fault_.empty() && now_.monotonic_ms < end) {
      while (!stores_.empty() && fault_.empty()) end_store(false);
      const auto next = group_.next_deadline_ms();
      if (!next) break;
      advance(std::max<std::int64_t>(*next - now_.monotonic_ms, 0));
    }
    while (!stores_.empty() && fault_.empty()) end_store(false);
    if (!fault_.empty()) return;
    if (group_.state() != GroupState::empty) fail("all are silent and the group is not empty");
    if (group_.member_count() + group_.pending_count() > 0) fail("members of an empty group");
    if (!open_.empty()) fail("request " + std::to_string(open_.begin()->first) + " has no answer");
    if (group_.next_deadline_ms()) fail("an empty group waits for something");
  }

  // The book

  void begin_event() {
    effects_.clear();
    actor_.clear();
    joins_ = false;
    is_reverted_ = false;
    state_before_ = group_.state();
    generation_before_ = group_.generation();
    rebalance_since_before_ = rebalance_since_;
    joined_since_before_ = joined_since_;
    for (auto& [id, seat] : seats_) {
      seat.sign_before = seat.last_sign;
      seat.has_waited = seat.join != 0 || seat.sync != 0;
      seat.was_synced = seat.is_synced;
      seat.was_new = seat.is_new;
    }
  }

  void end_event() {
    for (const Effect& effect : effects_) {
      std::visit([this](const auto& e) { apply(e); }, effect);
    }
    for (auto& [request, open] : open_) open.is_new = false;
    for (auto at = pending_.begin(); at != pending_.end();) {
      at = at->second <= now_.monotonic_ms ? pending_.erase(at) : std::next(at);
    }
    settle_seats();
    if (group_.generation() != generation_before_ &&
        group_.generation() != generation_before_ + 1 && effects_.size() < 2) {
      fail("a generation was left out");
    }
    if (fault_.empty()) check_book();
  }

  void apply(const effect::RebalanceBegan& began) {
    note("  rebalance: " + began.reason);
    rebalance_since_ = now_.monotonic_ms;
    for (auto& [id, seat] : seats_) seat.is_synced = false;
  }
  void apply(const effect::RebalanceJoined& joined) {
    note("  generation " + std::to_string(joined.generation));
    if (joined.generation != last_generation_ + 1) fail("not a new generation");
    last_generation_ = joined.generation;
    joined_since_ = now_.monotonic_ms;
    joined_members_ = joined.members;
    owners_.clear();
    is_joined_now_ = true;
    for (auto& [id, seat] : seats_) {
      seat.last_sign = now_.monotonic_ms;
      seat.is_synced = false;
    }
  }
  void apply(const effect::Store& store) { stores_.push_back({store.id, store.content}); }

  std::optional<Open> close(RequestId request) {
    auto found = open_.find(request);
    if (found == open_.end()) {
      fail("a second answer to request " + std::to_string(request));
      return std::nullopt;
    }
    Open open = found->second;
    open_.erase(found);
    auto seat = seats_.find(open.id);
    if (seat == seats_.end()) return open;
    RequestId& waiting = open.is_join ? seat->second.join : seat->second.sync;
    if (waiting == request) waiting = 0;
    if (!open.is_new) seat->second.last_sign = now_.monotonic_ms;
    return open;
  }

  void apply(const effect::AnswerJoin& effect) {
    const auto open = close(effect.request);
    if (!open) return;
    const JoinAnswer& answer = effect.answer;
    note("  joined " + open->id + ": " + std::string(error_name(answer.error)));
    if (answer.error == ErrorCode::member_id_required)
      pending_[answer.member_id] = now_.monotonic_ms + clients_at(open->client).session_ms;
    if (answer.error == ErrorCode::group_max_size_reached) pending_.erase(open->id);
    if (answer.error == ErrorCode::none) check_joined(*open, answer);
    if (abandoned_.erase(effect.request) > 0) return;
    Client& client = clients_at(open->client);
    client.open = 0;
    if (client.does != Does::waits_for_join) return;
    client.does = Does::has_joined;
    if (answer.error == ErrorCode::none || answer.error == ErrorCode::member_id_required)
      client.id = answer.member_id;
    client.generation = answer.generation;
    client.to_assign.reset();
    if (answer.error != ErrorCode::none) return hear(client, answer.error);
    if (answer.members.empty()) return;
    client.to_assign.emplace();
    for (const JoinedMember& member : answer.members) client.to_assign->push_back(member.member_id);
  }

  void check_joined(const Open& open, const JoinAnswer& answer) {
    if (answer.generation != group_.generation()) fail("joined to another generation");
    if (answer.member_id != open.id) fail(open.id + " is told to be " + answer.member_id);
    if (answer.protocol != group_.protocol()) fail("joined with another protocol");
    auto seat = seats_.find(open.id);
    if (seat == seats_.end()) return fail(open.id + " has joined without a seat");
    seat->second.joined_generation = answer.generation;
    seat->second.is_new = false;
    if (answer.members.empty()) {
      if (answer.leader == answer.member_id && !is_joined_now_ && !seat->second.instance &&
          state_before_ == GroupState::completing_rebalance) {
        fail("a leader without members");
      }
      return;
    }
    std::set<std::string> listed;
    for (const JoinedMember& member : answer.members) listed.insert(member.member_id);
    if (listed.size() != answer.members.size()) fail("a member is listed twice");
    if (is_joined_now_ && listed.size() != joined_members_) fail("not all members are listed");
    if (!listed.contains(answer.member_id)) fail("the leader is not listed");
    if (answer.leader != answer.member_id) fail("members are listed for a follower");
  }

  void apply(const effect::AnswerSync& effect) {
    const auto open = close(effect.request);
    if (!open) return;
    note("  synced " + open->id + ": " + std::string(error_name(effect.answer.error)));
    if (effect.answer.error == ErrorCode::none) check_synced(*open, effect);
    sync_generation_.erase(effect.request);
    if (abandoned_.erase(effect.request) > 0) return;
    Client& client = clients_at(open->client);
    client.open = 0;
    if (client.does != Does::waits_for_sync) return;
    client.does = Does::consumes;
    hear(client, effect.answer.error);
  }

  void check_synced(const Open& open, const effect::AnswerSync& effect) {
    ++handed_out_;
    if (sync_generation_[effect.request] != group_.generation())
      fail(open.id + " is assigned to in an old generation");
    auto seat = seats_.find(open.id);
    if (seat == seats_.end()) return fail(open.id + " is assigned to and no member");
    const std::string& owner = seat->second.instance ? *seat->second.instance : open.id;
    if (stored_.generation != group_.generation()) return fail("assigned before it was stored");
    const StoredMember* member = nullptr;
    for (const StoredMember& stored : stored_.members) {
      const bool is_it = seat->second.instance ? stored.instance_id == seat->second.instance
                                               : stored.member_id == open.id;
      if (is_it) member = &stored;
    }
    if (member == nullptr) return fail(open.id + " is not among those that are stored");
    if (member->assignment != effect.answer.assignment) fail("not assigned what was stored");
    for (const std::byte partition : effect.answer.assignment) {
      auto [at, is_first] = owners_.emplace(std::to_integer<int>(partition), owner);
      if (!is_first && at->second != owner)
        fail("partition " + std::to_string(at->first) + " has two owners");
    }
  }

  // Seats that are no more must have a reason.
  void settle_seats() {
    for (auto at = seats_.begin(); at != seats_.end();) {
      if (group_.has_member(at->first)) {
        ++at;
        continue;
      }
      if (!may_go(at->first, at->second)) fail(at->first + " was forgotten");
      if (is_reverted_ && at->second.instance) give_back(at->second);
      at = seats_.erase(at);
    }
    is_joined_now_ = false;
  }

  // A static member's new id could not be stored: the old one counts again.
  void give_back(Seat seat) {
    for (const DescribedMember& member : group_.describe().members) {
      if (member.instance_id != seat.instance || seats_.contains(member.member_id)) continue;
      seat.join = seat.sync = 0;
      seat.session_ms = seat.old_session_ms;
      seat.last_sign = now_.monotonic_ms;
      seats_[member.member_id] = seat;
    }
  }

  [[nodiscard]] bool may_go(const std::string& id, const Seat& seat) const {
    const std::int64_t now = now_.monotonic_ms;
    if (id == actor_) return true;  // has left, or was turned away: the group is full
    if (is_reverted_ && seat.instance) return true;
    if (seat.was_new && now >= seat.join_since + new_member_ms) return true;
    if (!seat.has_waited && now >= seat.sign_before + seat.session_ms) return true;
    if (state_before_ == GroupState::preparing_rebalance) {
      return !seat.instance && !seat.has_waited && now >= rebalance_since_before_ + rebalance_ms_;
    }
    return !seat.was_synced && now >= joined_since_before_ + rebalance_ms_;
  }

  void check_book() {
    const std::int64_t now = now_.monotonic_ms;
    if (group_.member_count() != seats_.size()) return fail("members that nobody knows");
    if (group_.pending_count() != pending_.size()) return fail("pending members are forgotten");
    const std::int64_t join_ms =
        std::max<std::int64_t>(rebalance_ms_, settings_.initial_rebalance_delay_ms);
    for (const auto& [id, seat] : seats_) {
      const bool is_waiting = seat.join != 0 || seat.sync != 0;
      if (!is_waiting && now >= seat.last_sign + seat.session_ms)
        return fail(id + " is silent and still a member");
      if (!stores_.empty()) continue;  // what waits for a store waits as long as that takes
      if (seat.join != 0 && now > seat.join_since + join_ms)
        return fail(id + " waits for its join");
      if (seat.sync != 0 && now > joined_since_ + rebalance_ms_)
        return fail(id + " waits for its assignment");
      const bool is_new_generation = group_.state() == GroupState::completing_rebalance;
      if (is_new_generation && !seat.instance && seat.joined_generation != group_.generation())
        return fail(id + " has not joined this generation");
    }
  }

  Client& clients_at(int number) { return clients_[static_cast<std::size_t>(number)]; }

  bool traces_ = false;
  std::string trace_;
  runtime::simulated::Prng prng_;
  GroupSettings settings_;
  Moment now_{1000, 1'700'000'000'000};
  Group group_;
  std::int64_t rebalance_ms_ = 0;
  std::string fault_;
  Effects effects_;
  std::deque<Client> clients_;
  RequestId last_request_ = 0;
  std::map<RequestId, Open> open_;
  std::set<RequestId> abandoned_;
  std::map<RequestId, std::int32_t> sync_generation_;
  std::deque<Waiting> stores_;

  // Of the event under way
  std::string actor_;
  bool joins_ = false;
  bool is_reverted_ = false;
  bool is_joined_now_ = false;
  std::size_t joined_members_ = 0;
  GroupState state_before_ = GroupState::empty;
  std::int32_t generation_before_ = 0;

  std::map<std::string, Seat> seats_;
  std::map<std::string, std::int64_t> pending_;
  StoredGroup stored_;
  std::map<int, std::string> owners_;
  std::int32_t last_generation_ = 0;
  std::int64_t rebalance_since_ = 0;
  std::int64_t joined_since_ = 0;
  std::int64_t rebalance_since_before_ = 0;
  std::int64_t joined_since_before_ = 0;
  std::size_t handed_out_ = 0;
};

}  // namespace gregor::group
