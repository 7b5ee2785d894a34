#include "crash/history_text.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include "crash/send_log.h"
#include "crash/topic_judge.h"

namespace gregor::crash {
namespace {

model::Uuid small_id(std::uint64_t number) { return model::Uuid::from_bits(0, number); }

class HistoryReader {
 public:
  /// @return false if the line makes no sense
  bool line(std::istringstream words) {
    std::string verb;
    words >> verb;
    if (verb.empty()) return true;
    if (verb == "send") return send(words);
    if (verb == "read") return read(words);
    if (verb == "end") return end(words);
    if (verb == "topic") return topic(words);
    if (verb == "found") return found(words);
    if (verb != "judge") return false;
    judge();
    return true;
  }

  void judge() {
    judge_.finish();
    judge_topics(topics_, found_, topic_violations_);
    found_.clear();
  }

  [[nodiscard]] Violations all() const {
    Violations both = judge_.violations();
    for (const Violation& v : topic_violations_.kept()) both.add(v.kind, v.text);
    return both;
  }

 private:
  bool send(std::istringstream& words) {
    std::uint64_t number = 0;
    std::int32_t partition = 0;
    std::int32_t count = 0;
    std::string fate;
    if (!(words >> number >> partition >> count >> fate) || number != sends_.size(0)) return false;
    const SendId id = sends_.add(0, partition, count);
    if (fate == "unanswered") return true;
    std::int64_t value = 0;
    if (!(words >> value)) return false;
    if (fate == "answered") sends_.answer(id, value, 0);
    if (fate == "refused") sends_.fail(id, static_cast<std::int16_t>(value));
    return fate == "answered" || fate == "refused";
  }

  bool read(std::istringstream& words) {
    ReadRecord record;
    std::uint64_t send = 0;
    int index = 0;
    if (!(words >> record.partition >> record.offset >> send >> index)) return false;
    std::string broken;
    record.is_intact = !(words >> broken);
    record.number = record_number(send, index);
    judge_.read(record);
    return true;
  }

  bool end(std::istringstream& words) {
    std::int32_t partition = 0;
    std::int64_t offset = 0;
    if (!(words >> partition >> offset)) return false;
    judge_.end(partition, offset);
    return true;
  }

  bool topic(std::istringstream& words) {
    static const std::map<std::string_view, TopicFate> fates = {
        {"creation-unanswered", TopicFate::creation_unanswered},
        {"created", TopicFate::created},
        {"refused", TopicFate::refused},
        {"deletion-unanswered", TopicFate::deletion_unanswered},
        {"deleted", TopicFate::deleted}};
    std::string name;
    std::string fate;
    TopicHistory history;
    if (!(words >> name >> history.partitions >> fate) || !fates.contains(fate)) return false;
    history.fate = fates.at(fate);
    std::uint64_t id = 0;
    if (words >> id) history.id = small_id(id);
    topics_[name] = history;
    return true;
  }

  bool found(std::istringstream& words) {
    std::string name;
    FoundTopic topic;
    std::uint64_t id = 0;
    if (!(words >> name >> topic.partitions >> topic.partitions_served >> id)) return false;
    topic.id = small_id(id);
    found_[name] = topic;
    return true;
  }

  SendLog sends_{1};
  LogJudge judge_{sends_};
  std::map<std::string, TopicHistory> topics_;
  std::map<std::string, FoundTopic> found_;
  Violations topic_violations_;
};

}  // namespace

Result<Violations> judge_history(std::istream& text) {
  HistoryReader reader;
  std::string line;
  for (int number = 1; std::getline(text, line); ++number) {
    const std::string before_comment = line.substr(0, line.find('#'));
    if (!reader.line(std::istringstream(before_comment))) {
      return fail(ErrorCode::invalid_request, fmt::format("line {}: {}", number, line));
    }
  }
  reader.judge();
  return reader.all();
}

}  // namespace gregor::crash
