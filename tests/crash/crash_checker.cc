// crash_checker: loads a broker that is being killed, and judges what is left of it.
//
//   crash_checker run --address HOST:PORT --topic NAME --partitions N --seed N --mb-per-second X
//                     [--topics-prefix P] [--idempotent yes|no]
//   crash_checker judge FILE     judges a history (history_text.h); exit code 1: a broken promise
//
// `run` works three connections (acks=all, all, 1; idempotent: all) on an existing topic and one
// that creates and deletes topics of its own. It takes commands on standard input, one per line,
// and answers each with a line that starts with the same word:
//
//   load on|off     the producers work or stand still
//   topics on|off   so for the topics
//   create          a topic is created now; its answer is "creating NAME" when the request has
//   left,
//                   and at its end "changed creation NAME answered" or "... unanswered", as for
//                   every other change
//   stats           counters; everything stands still afterwards
//   verify [full]   everything stands still; what was written since the last time (full: from the
//                   beginning) is read and judged: "violation KIND TEXT" for each broken promise,
//                   then "verify clean|failed" with the totals
//   quit
#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "crash/history_text.h"
#include "crash/log_judge.h"
#include "crash/log_reader.h"
#include "crash/producer.h"
#include "crash/send_log.h"
#include "crash/topic_maker.h"

namespace gregor::crash {
namespace {

constexpr std::int16_t acks_of_producers[] = {-1, -1, 1};
constexpr double bytes_per_mb = 1e6;

void say(const std::string& line) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::cout << line << std::endl;  // flushed: somebody waits for it
}

void say_violations(const Violations& violations) {
  for (const Violation& v : violations.kept()) say(fmt::format("violation {} {}", v.kind, v.text));
}

class Checker {
 public:
  Checker(const LoadOptions& load, const std::string& topics_prefix)
      : load_(load),
        sends_(std::size(acks_of_producers)),
        judge_(std::make_unique<LogJudge>(sends_)),
        topics_(
            {.address = load.address, .prefix = topics_prefix, .seed = load.seed, .tell = say}) {
    for (std::size_t i = 0; i < std::size(acks_of_producers); ++i) {
      const std::int16_t acks = load.is_idempotent ? std::int16_t{-1} : acks_of_producers[i];
      const ProducerIdentity identity{.index = i, .acks = acks};
      producers_.push_back(std::make_unique<Producer>(load, identity, sends_));
    }
  }

  /// @return false at the end
  bool command(const std::string& line) {
    if (line == "quit") return false;
    if (line == "load on" || line == "load off") set_load(line == "load on");
    if (line == "topics on") topics_.resume();
    if (line == "topics off") topics_.pause();
    if (line == "create") topics_.create_now();
    if (line == "stats") {
      say(stats());
    } else if (line == "verify" || line == "verify full") {
      verify(line == "verify full");
    } else if (line != "create") {
      say(line);
    }
    return true;
  }

 private:
  void set_load(bool on) {
    if (on) {
      for (auto& producer : producers_) producer->resume();
    } else {
      for (auto& producer : producers_) producer->pause();
    }
  }

  void verify(bool is_full) {
    set_load(false);
    topics_.pause();
    if (is_full) judge_ = std::make_unique<LogJudge>(sends_);
    const auto before = judge_->records();
    if (auto done = read_log(load_, *judge_); !done) {
      say(fmt::format("violation unreadable {}", done.error().detail));
      say("verify failed");
      return;
    }
    judge_->finish();
    auto found = find_topics(load_.address, topics_.prefix());
    if (!found) {
      say(fmt::format("violation unreadable {}", found.error().detail));
      say("verify failed");
      return;
    }
    Violations topic_violations;
    judge_topics(topics_.histories(), *found, topic_violations);
    say_violations(judge_->violations());
    say_violations(topic_violations);
    const bool is_clean = judge_->violations().empty() && topic_violations.empty();
    say(fmt::format("verify {} records={} topics={}", is_clean ? "clean" : "failed",
                    judge_->records() - before, found->size()));
  }

  // Only while everything stands still are the numbers exact; bytes= may be asked at any time.
  std::string stats() {
    std::uint64_t bytes = 0;
    for (const auto& producer : producers_) bytes += producer->bytes_answered();
    set_load(false);
    topics_.pause();
    std::map<Fate, std::uint64_t> fates;
    for (std::size_t p = 0; p < sends_.producers(); ++p) {
      for (std::size_t i = 0; i < sends_.size(p); ++i)
        ++fates[sends_.find(SendLog::id_of(p, i))->fate];
    }
    std::map<TopicFate, int> topics;
    for (const auto& [name, history] : topics_.histories()) ++topics[history.fate];
    std::string errors;
    for (const auto& producer : producers_) {
      for (const auto& [code, count] : producer->errors())
        errors += fmt::format("{}{}x{}", errors.empty() ? "" : ",", code, count);
    }
    return fmt::format(
        "stats bytes={} answered={} unanswered={} refused={} created={} deleted={} open={} "
        "errors={}",
        bytes, fates[Fate::answered], fates[Fate::unanswered], fates[Fate::refused],
        topics[TopicFate::created], topics[TopicFate::deleted],
        topics[TopicFate::creation_unanswered] + topics[TopicFate::deletion_unanswered],
        errors.empty() ? "none" : errors);
  }

  const LoadOptions load_;
  SendLog sends_;
  std::unique_ptr<LogJudge> judge_;
  TopicMaker topics_;
  std::vector<std::unique_ptr<Producer>> producers_;
};

int run(const std::map<std::string, std::string>& options) {
  const std::string& address = options.at("--address");
  const std::size_t colon = address.rfind(':');
  LoadOptions load;
  load.address = {.host = address.substr(0, colon),
                  .port = static_cast<std::uint16_t>(std::stoul(address.substr(colon + 1)))};
  load.topic = options.at("--topic");
  load.partitions = std::stoi(options.at("--partitions"));
  load.seed = std::stoull(options.at("--seed"));
  load.bytes_per_second = std::stod(options.at("--mb-per-second")) * bytes_per_mb /
                          static_cast<double>(std::size(acks_of_producers));
  const auto idempotent = options.find("--idempotent");
  load.is_idempotent = idempotent != options.end() && idempotent->second == "yes";
  const auto prefix = options.find("--topics-prefix");
  Checker checker(load, prefix == options.end() ? "made-" : prefix->second);
  std::string line;
  while (std::getline(std::cin, line) && checker.command(line)) {
  }
  return 0;
}

int judge(const std::string& file) {
  std::ifstream text(file);
  if (!text) {
    std::cerr << "can't read " << file << "\n";
    return 2;
  }
  const auto violations = judge_history(text);
  if (!violations) {
    std::cerr << violations.error().detail << "\n";
    return 2;
  }
  say_violations(*violations);
  return violations->empty() ? 0 : 1;
}

int usage() {
  std::cerr << "usage: crash_checker run --address HOST:PORT --topic NAME --partitions N --seed N "
               "--mb-per-second X "
               "[--topics-prefix P] [--idempotent yes|no]\n       crash_checker judge FILE\n";
  return 2;
}

int main_of(const std::vector<std::string>& words) {
  if (words.size() == 2 && words[0] == "judge") return judge(words[1]);
  if (words.empty() || words[0] != "run" || words.size() % 2 != 1) return usage();
  std::map<std::string, std::string> options;
  for (std::size_t i = 1; i + 1 < words.size(); i += 2) options[words[i]] = words[i + 1];
  for (const char* name : {"--address", "--topic", "--partitions", "--seed", "--mb-per-second"}) {
    if (!options.contains(name)) return usage();
  }
  return run(options);
}

}  // namespace
}  // namespace gregor::crash

int main(int count, char** words) { return gregor::crash::main_of({words + 1, words + count}); }
