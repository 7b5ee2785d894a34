// group_load: members of consumer groups without a client library, as many as there are sockets.
//
//   group_load groups ADDRESS PID COUNT SECONDS    COUNT groups of one member: memory of the
//   broker,
//                                                  time of a heartbeat, CPU time of each
//   group_load rejoin ADDRESS PID MEMBERS ROUNDS   one group: all members join again at once
//
// Each member has a connection of its own. ADDRESS is 127.0.0.1:PORT, PID the broker's process. The
// open-files limit must be above COUNT (ulimit -n). Figures: README.md.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "crash/wire_client.h"
#include "protocol/find_coordinator.h"
#include "protocol/heartbeat.h"
#include "protocol/join_group.h"
#include "protocol/sync_group.h"

namespace {

using gregor::ByteView;
using gregor::ErrorCode;
namespace protocol = gregor::protocol;

constexpr protocol::ApiVersion find_version = 4;
constexpr protocol::ApiVersion join_version = 9;
constexpr protocol::ApiVersion sync_version = 5;
constexpr protocol::ApiVersion beat_version = 4;
constexpr std::int32_t session_timeout_ms = 45'000;     // the Java client's default
constexpr std::int32_t rebalance_timeout_ms = 300'000;  // too
constexpr double beat_interval_s = 3;                   // too
constexpr std::size_t metadata_bytes = 200;
constexpr std::size_t assignment_bytes = 100;
constexpr std::size_t joins_at_once = 500;
constexpr double stuck_s = 60;

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "group_load: %s\n", why.c_str());
  std::_Exit(1);
}

// Seconds on a processor, of all threads.
double cpu_s(const std::string& pid) {
  double nanoseconds = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + pid + "/task")) {
    std::ifstream file(task.path() / "schedstat");
    double ran = 0;
    file >> ran;
    nanoseconds += ran;
  }
  return nanoseconds / 1e9;
}

double resident_mb(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmRSS:")) return std::atof(line.c_str() + 6) / 1024;
  }
  return 0;
}

void print_times(const char* what, std::vector<double> seconds) {
  if (seconds.empty()) return;
  std::sort(seconds.begin(), seconds.end());
  auto at = [&seconds](double share) {
    const auto place = static_cast<std::size_t>(share * static_cast<double>(seconds.size()));
    return 1000 * seconds[std::min(place, seconds.size() - 1)];
  };
  std::printf("%s n=%zu p50_ms=%.3f p99_ms=%.3f p999_ms=%.3f max_ms=%.3f\n", what, seconds.size(),
              at(0.5), at(0.99), at(0.999), at(1));
}

enum class Step { idle, joining, syncing, stable };

struct Member {
  int socket = -1;
  std::string group;
  std::string id;
  std::int32_t generation = -1;
  Step step = Step::idle;
  std::vector<std::byte> inbox;
  std::vector<std::string> followers;  // all members, if it leads
  bool is_beating = false;
  double asked_s = 0;
};

class Load {
 public:
  Load(const std::string& address, std::string pid)
      : pid_(std::move(pid)), poll_(epoll_create1(0)) {
    const std::size_t colon = address.find(':');
    if (colon == std::string::npos) give_up("the address is HOST:PORT");
    peer_.sin_family = AF_INET;
    peer_.sin_port = htons(static_cast<std::uint16_t>(std::atoi(address.c_str() + colon + 1)));
    inet_pton(AF_INET, address.substr(0, colon).c_str(), &peer_.sin_addr);
    metadata_.resize(metadata_bytes);
  }

  int groups(std::size_t count, double seconds) {
    await_coordinator("group-0");
    const double before_mb = resident_mb(pid_);
    for (std::size_t i = 0; i < count; ++i) add("group-" + std::to_string(i));
    const double connected_mb = resident_mb(pid_);
    const double began_s = now_s();
    join_all(joins_at_once);
    std::printf("groups=%zu joined_in_s=%.2f rss_mb: empty=%.1f connected=%.1f stable=%.1f\n",
                count, now_s() - began_s, before_mb, connected_mb, resident_mb(pid_));
    beat_for(seconds);
    std::printf("rss_mb after heartbeats=%.1f\n", resident_mb(pid_));
    return 0;
  }

  int rejoin(std::size_t count, int rounds) {
    await_coordinator("one");
    for (std::size_t i = 0; i < count; ++i) add("one");
    join_all(count);
    settle();
    for (int round = 1; round <= rounds; ++round) {
      std::memcpy(metadata_.data(), &round, sizeof round);  // a changed subscription
      const double first_cpu_s = cpu_s(pid_);
      const double first_s = now_s();
      for (Member& member : members_) join(member);
      const double last_cpu_s = cpu_s(pid_);
      const double last_s = now_s();
      await_stable();
      std::printf(
          "round %d members=%zu last_join_to_last_sync: cpu_s=%.3f s=%.3f  all: cpu_s=%.3f s=%.3f "
          "rss_mb=%.1f\n",
          round, count, cpu_s(pid_) - last_cpu_s, now_s() - last_s, cpu_s(pid_) - first_cpu_s,
          now_s() - first_s, resident_mb(pid_));
      settle();
    }
    return 0;
  }

 private:
  void add(std::string group) {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    if (socket < 0) give_up(std::string("socket: ") + std::strerror(errno));
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&peer_), sizeof peer_) != 0)
      give_up(std::string("connect: ") + std::strerror(errno));
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    Member& member = members_.emplace_back();
    member.socket = socket;
    member.group = std::move(group);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &member;
    if (::epoll_ctl(poll_, EPOLL_CTL_ADD, socket, &event) != 0) give_up("epoll_ctl");
  }

  template <class Request>
  void send(Member& member, const Request& request, protocol::ApiVersion version) {
    const auto frame = gregor::crash::frame_of(request, version, 1);
    if (!frame) give_up("a request can't be encoded");
    ByteView rest(*frame);
    while (!rest.empty()) {
      const ssize_t sent = ::send(member.socket, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent <= 0) give_up(std::string("send: ") + std::strerror(errno));
      rest = rest.subspan(static_cast<std::size_t>(sent));
    }
    member.asked_s = now_s();
  }

  void join(Member& member) {
    protocol::JoinGroupRequest request;
    request.group_id = member.group;
    request.session_timeout_ms = session_timeout_ms;
    request.rebalance_timeout_ms = rebalance_timeout_ms;
    request.member_id = member.id;
    request.protocol_type = "consumer";
    request.protocols.push_back({"range", ByteView(metadata_)});
    member.step = Step::joining;
    send(member, request, join_version);
  }

  void sync(Member& member) {
    protocol::SyncGroupRequest request;
    request.group_id = member.group;
    request.generation_id = member.generation;
    request.member_id = member.id;
    request.protocol_type = "consumer";
    request.protocol_name = "range";
    for (const std::string& id : member.followers)
      request.assignments.push_back({id, ByteView(assignment_)});
    member.step = Step::syncing;
    send(member, request, sync_version);
  }

  void beat(Member& member) {
    protocol::HeartbeatRequest request;
    request.group_id = member.group;
    request.generation_id = member.generation;
    request.member_id = member.id;
    member.is_beating = true;
    send(member, request, beat_version);
  }

  void take_join(Member& member, const protocol::JoinGroupResponse& answer) {
    if (answer.error_code == ErrorCode::member_id_required) {
      member.id = answer.member_id;
      return join(member);
    }
    if (answer.error_code == ErrorCode::rebalance_in_progress) return join(member);
    check("JoinGroup", answer.error_code);
    member.id = answer.member_id;
    member.generation = answer.generation_id;
    member.followers.clear();
    for (const auto& other : answer.members) member.followers.emplace_back(other.member_id);
    sync(member);
  }

  void take_sync(Member& member, const protocol::SyncGroupResponse& answer) {
    if (answer.error_code == ErrorCode::rebalance_in_progress ||
        answer.error_code == ErrorCode::illegal_generation) {
      return join(member);
    }
    check("SyncGroup", answer.error_code);
    member.step = Step::stable;
  }

  void take_beat(Member& member, const protocol::HeartbeatResponse& answer) {
    member.is_beating = false;
    beats_.push_back(now_s() - member.asked_s);
    if (answer.error_code == ErrorCode::rebalance_in_progress ||
        answer.error_code == ErrorCode::illegal_generation) {
      return join(member);
    }
    check("Heartbeat", answer.error_code);
  }

  static void check(const char* what, ErrorCode error) {
    if (error != ErrorCode::none)
      give_up(std::string(what) + ": " + std::string(gregor::error_name(error)));
  }

  template <class Response>
  static Response open(ByteView frame, protocol::ApiVersion version) {
    auto answer = gregor::crash::open_answer<Response>(frame, version, 1);
    if (!answer) give_up("an answer can't be decoded");
    return std::move(*answer);
  }

  void take_frame(Member& member, ByteView frame) {
    if (member.is_beating) {
      take_beat(member, open<protocol::HeartbeatResponse>(frame, beat_version));
    } else if (member.step == Step::joining) {
      take_join(member, open<protocol::JoinGroupResponse>(frame, join_version));
    } else if (member.step == Step::syncing) {
      take_sync(member, open<protocol::SyncGroupResponse>(frame, sync_version));
    } else {
      give_up("an answer that nobody asked for");
    }
  }

  void receive(Member& member) {
    std::array<std::byte, 64 * 1024> chunk;
    const ssize_t got = ::recv(member.socket, chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) give_up("the broker has closed a connection");
    member.inbox.insert(member.inbox.end(), chunk.begin(), chunk.begin() + got);
    constexpr std::size_t head = 4;
    if (member.inbox.size() < head) return;
    const auto size = static_cast<std::size_t>(gregor::load_be<std::int32_t>(member.inbox.data()));
    if (member.inbox.size() < head + size) return;
    // One request at a time, so one answer.
    const std::vector<std::byte> frame(member.inbox.begin() + head, member.inbox.end());
    member.inbox = {};
    take_frame(member, frame);
  }

  /// @return whether anything came
  bool turn(int wait_ms) {
    std::array<epoll_event, 256> events;
    const int count = ::epoll_wait(poll_, events.data(), static_cast<int>(events.size()), wait_ms);
    for (int i = 0; i < count; ++i)
      receive(*static_cast<Member*>(events[static_cast<std::size_t>(i)].data.ptr));
    return count > 0;
  }

  void await_coordinator(const std::string& group) {
    const double limit_s = now_s() + stuck_s;
    add(group);
    Member& asking = members_.back();
    for (;;) {
      protocol::FindCoordinatorRequest request;
      request.coordinator_keys.push_back(group);
      send(asking, request, find_version);
      std::array<std::byte, 4096> frame;
      const ssize_t got = ::recv(asking.socket, frame.data(), frame.size(), 0);
      if (got <= 4) give_up("no answer to FindCoordinator");
      const auto answer = open<protocol::FindCoordinatorResponse>(
          ByteView(frame).subspan(4, static_cast<std::size_t>(got) - 4), find_version);
      if (answer.coordinators.at(0).error_code == ErrorCode::none) break;
      if (now_s() > limit_s) give_up("there is no coordinator");
      ::usleep(100'000);
    }
    ::close(asking.socket);
    members_.clear();
  }

  [[nodiscard]] std::size_t stable() const {
    return static_cast<std::size_t>(std::count_if(members_.begin(), members_.end(),
                                                  [](auto& m) { return m.step == Step::stable; }));
  }

  void join_all(std::size_t at_once) {
    std::size_t begun = 0;
    for (double limit_s = now_s() + stuck_s; begun < members_.size() || stable() < begun;) {
      const std::size_t under_way = begun - stable();
      for (std::size_t i = under_way; i < at_once && begun < members_.size(); ++i)
        join(members_[begun++]);
      if (turn(1000)) limit_s = now_s() + stuck_s;
      if (now_s() > limit_s) give_up("members do not become stable");
    }
  }

  void await_stable() {
    for (double limit_s = now_s() + stuck_s; stable() < members_.size();) {
      if (turn(1000)) limit_s = now_s() + stuck_s;
      if (now_s() > limit_s) give_up("members do not become stable");
    }
  }

  // Until a heartbeat of everybody finds all in one generation.
  void settle() {
    const double limit_s = now_s() + stuck_s;
    for (;;) {
      await_stable();
      for (Member& member : members_) beat(member);
      auto is_waiting = [](const Member& member) { return member.is_beating; };
      while (std::any_of(members_.begin(), members_.end(), is_waiting)) turn(1000);
      const bool is_one = std::all_of(members_.begin(), members_.end(), [this](const Member& m) {
        return m.step == Step::stable && m.generation == members_[0].generation;
      });
      if (is_one) return;
      if (now_s() > limit_s) give_up("members do not come to one generation");
    }
  }

  void beat_for(double seconds) {
    beats_.clear();
    const double cpu_before_s = cpu_s(pid_);
    const double began_s = now_s();
    const double pause_s = beat_interval_s / static_cast<double>(members_.size());
    std::size_t sent = 0;
    while (now_s() - began_s < seconds) {
      const double due_s = began_s + static_cast<double>(sent) * pause_s;
      if (now_s() >= due_s) {
        Member& member = members_[sent++ % members_.size()];
        if (member.is_beating) give_up("a heartbeat is not answered before the next one is due");
        beat(member);
        if (sent % 8 != 0) continue;
      }
      turn(now_s() >= due_s ? 0 : 1);
    }
    const double cpu_used_s = cpu_s(pid_) - cpu_before_s;
    print_times("heartbeats", beats_);
    std::printf("heartbeats_per_s=%.0f broker_cpu_us_per_heartbeat=%.1f\n",
                static_cast<double>(beats_.size()) / seconds,
                cpu_used_s / static_cast<double>(beats_.size()) * 1e6);
  }

  const std::string pid_;
  const int poll_;
  sockaddr_in peer_{};
  std::deque<Member> members_;
  std::vector<std::byte> metadata_;
  const std::vector<std::byte> assignment_ = std::vector<std::byte>(assignment_bytes);
  std::vector<double> beats_;
};

}  // namespace

int main(int count, char** words) {
  if (count != 6) {
    std::fputs(
        "usage: group_load groups ADDRESS PID COUNT SECONDS\n"
        "       group_load rejoin ADDRESS PID MEMBERS ROUNDS\n",
        stderr);
    return 2;
  }
  const std::string_view mode(words[1]);
  Load load(words[2], words[3]);
  const auto size = static_cast<std::size_t>(std::atol(words[4]));
  if (mode == "groups") return load.groups(size, std::atof(words[5]));
  if (mode == "rejoin") return load.rejoin(size, std::atoi(words[5]));
  return 2;
}
