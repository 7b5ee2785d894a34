#include "crash/topic_maker.h"

#include <fmt/format.h>

#include <iterator>
#include <set>
#include <utility>
#include <vector>

#include "crash/payload.h"
#include "protocol/create_topics.h"
#include "protocol/delete_topics.h"
#include "protocol/list_offsets.h"
#include "protocol/metadata.h"

namespace gregor::crash {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr protocol::ApiVersion create_version = 7;
constexpr protocol::ApiVersion delete_version = 5;
constexpr protocol::ApiVersion metadata_version = 12;
constexpr protocol::ApiVersion list_offsets_version = 6;
constexpr std::int32_t change_timeout_ms = 20000;
constexpr std::uint64_t partitions_max = 4;
// More topics than this only make the run slow.
constexpr std::size_t created_max = 60;
constexpr std::int64_t latest = -1;
constexpr std::chrono::seconds served_within{10};

}  // namespace

TopicMaker::TopicMaker(TopicMakerOptions options)
    : options_(std::move(options)), thread_([this] { run(); }) {}

TopicMaker::~TopicMaker() {
  control_.end();
  thread_.join();
}

void TopicMaker::run() {
  while (!control_.is_end_wanted()) {
    if (control_.is_pause_wanted()) {
      if (!control_.stand()) return;
    }
    step();
  }
}

void TopicMaker::step() {
  const bool is_ordered = create_now_.exchange(false);
  if (!is_ordered && steady_clock::now() < next_change_) {
    std::this_thread::sleep_for(milliseconds(1));
    return;
  }
  if (!client_) {
    auto client = WireClient::connect(options_.address);
    if (client) client_ = std::move(*client);
  }
  if (!client_) {
    create_now_ = is_ordered;
    std::this_thread::sleep_for(milliseconds(3));
    return;
  }
  change(is_ordered);
  next_change_ = steady_clock::now() + options_.interval;
}

void TopicMaker::change(bool must_create) {
  const std::vector<std::string> created = created_topics();
  const bool is_deletion = !created.empty() && (created.size() > created_max || draw(3) == 0);
  if (is_deletion && !must_create) {
    remove(created[draw(created.size())]);
  } else {
    create();
  }
}

std::uint64_t TopicMaker::draw(std::uint64_t below) {
  return mixed(options_.seed ^ 0x70c1c5, ++draws_) % below;
}

std::vector<std::string> TopicMaker::created_topics() const {
  std::vector<std::string> created;
  for (const auto& [name, history] : histories_) {
    if (history.fate == TopicFate::created) created.push_back(name);
  }
  return created;
}

void TopicMaker::create() {
  const std::string name = fmt::format("{}{}", options_.prefix, names_++);
  TopicHistory& history = histories_[name];
  history.partitions = 1 + static_cast<std::int32_t>(draw(partitions_max));
  protocol::CreateTopicsRequest request{.timeout_ms = change_timeout_ms};
  request.topics.push_back(
      {.name = name, .num_partitions = history.partitions, .replication_factor = 1});
  const auto frame = frame_of(request, create_version, 1);
  const bool is_sent = frame && client_->send(*frame);
  options_.tell("creating " + name);
  auto answer = is_sent ? client_->receive_answer<protocol::CreateTopicsResponse>(create_version, 1)
                        : fail(ErrorCode::network_exception, "not sent");
  const bool is_answered = answer && answer->message.topics.size() == 1;
  options_.tell(
      fmt::format("changed creation {} {}", name, is_answered ? "answered" : "unanswered"));
  if (!is_answered) {
    client_.reset();
    return;
  }
  const auto& topic = answer->message.topics.front();
  if (topic.error_code == ErrorCode::none) {
    history.fate = TopicFate::created;
    history.id = topic.topic_id;
  } else if (topic.error_code != ErrorCode::request_timed_out &&
             topic.error_code != ErrorCode::unknown_server_error) {
    history.fate = TopicFate::refused;
  }
}

void TopicMaker::remove(const std::string& name) {
  TopicHistory& history = histories_[name];
  protocol::DeleteTopicsRequest request{.timeout_ms = change_timeout_ms};
  request.topic_names.push_back(name);
  history.fate = TopicFate::deletion_unanswered;
  const auto frame = frame_of(request, delete_version, 1);
  const bool is_sent = frame && client_->send(*frame);
  options_.tell("deleting " + name);
  auto answer = is_sent ? client_->receive_answer<protocol::DeleteTopicsResponse>(delete_version, 1)
                        : fail(ErrorCode::network_exception, "not sent");
  const bool is_answered = answer && answer->message.responses.size() == 1;
  options_.tell(
      fmt::format("changed deletion {} {}", name, is_answered ? "answered" : "unanswered"));
  if (!is_answered) {
    client_.reset();
  } else if (answer->message.responses.front().error_code == ErrorCode::none) {
    history.fate = TopicFate::deleted;
  }
}

namespace {

using Topics = std::map<std::string, FoundTopic>;

Result<Topics> list_topics(WireClient& client, const std::string& prefix) {
  protocol::MetadataRequest request{.topics = std::nullopt, .allow_auto_topic_creation = false};
  const auto answer = client.call<protocol::Metadata>(request, metadata_version);
  if (!answer) return fail(answer.error());
  Topics found;
  for (const auto& topic : answer->message.topics) {
    const std::string name(topic.name.value_or(std::string_view{}));
    if (!name.starts_with(prefix) || topic.error_code != ErrorCode::none) continue;
    FoundTopic& one = found[name];
    one.id = topic.topic_id;
    one.partitions = static_cast<std::int32_t>(topic.partitions.size());
  }
  return found;
}

// Counts the partitions that answer. @return true if all of them do
Result<bool> count_served(WireClient& client, Topics& topics) {
  protocol::ListOffsetsRequest request{.replica_id = -1};
  for (auto& [name, topic] : topics) {
    topic.partitions_served = 0;
    auto& asked = request.topics.emplace_back();
    asked.name = name;
    for (std::int32_t p = 0; p < topic.partitions; ++p) {
      asked.partitions.push_back({.partition_index = p, .timestamp = latest});
    }
  }
  const auto answer = client.call<protocol::ListOffsets>(request, list_offsets_version);
  if (!answer) return fail(answer.error());
  bool all = true;
  for (const auto& topic : answer->message.topics) {
    for (const auto& partition : topic.partitions) {
      const bool is_served = partition.error_code == ErrorCode::none && partition.offset >= 0;
      topics[std::string(topic.name)].partitions_served += is_served ? 1 : 0;
      all = all && is_served;
    }
  }
  return all;
}

}  // namespace

Result<std::map<std::string, FoundTopic>> find_topics(const Address& address,
                                                      const std::string& prefix) {
  auto client = WireClient::connect(address);
  if (!client) return fail(client.error());
  const auto end = steady_clock::now() + served_within;
  for (;;) {
    auto found = list_topics(*client, prefix);
    if (!found) return found;
    const auto all_served = count_served(*client, *found);
    if (!all_served) return fail(all_served.error());
    if (*all_served || steady_clock::now() > end) return found;
    std::this_thread::sleep_for(milliseconds(50));
  }
}

}  // namespace gregor::crash
