// Judges what was read against what was sent: the promises of a log that is killed.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "crash/send_log.h"

namespace gregor::crash {

/// A broken promise.
///
///   lost             an answered batch is not there
///   wrong_offset     an answered record is at another offset than the answer said
///   wrong_bytes      a record differs from what was sent
///   wrong_partition  a record is in another partition than it was sent to
///   duplicate        a record is there twice
///   never_sent       a record that nobody sent
///   refused_present  a record of a batch that was refused
///   torn_batch       only some records of a batch are there
///   offset_gap       an offset between two records is missing
///   offset_order     offsets do not ascend
///   send_order       records of one producer lie in another order than they were sent
///   log_end          the broker names another end of the log than the last record has
///   topic_*          see topic_judge.h
struct Violation {
  std::string kind;
  std::string text;
};

/// The violations found; of each kind only the first ones are kept in full, all are counted.
class Violations {
 public:
  void add(std::string kind, std::string text);
  [[nodiscard]] const std::vector<Violation>& kept() const { return kept_; }
  [[nodiscard]] const std::map<std::string, int>& counts() const { return counts_; }
  [[nodiscard]] bool empty() const { return counts_.empty(); }

 private:
  static constexpr int kept_per_kind = 10;
  std::vector<Violation> kept_;
  std::map<std::string, int> counts_;
};

/// A record as it was fetched.
struct ReadRecord {
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  RecordNumber number = 0;
  bool is_intact = true;
};

/// Takes the records of every partition in the order of reading, in one go or in several with more
/// sends between them.
///
///   judge.read(...) for every record; judge.end(...) for every partition; judge.finish();
///
/// Thread: one, while the producers pause. Borrows the log of sends.
class LogJudge {
 public:
  explicit LogJudge(const SendLog& sends) : sends_(sends) {}

  void read(const ReadRecord& record);
  /// A whole batch, or record, of which not even the number can be told.
  void unreadable(std::int32_t partition, std::int64_t offset, const std::string& why);
  /// The partition was read to its end. @param log_end  as ListOffsets names it
  void end(std::int32_t partition, std::int64_t log_end);
  /// Everything was read and nothing is under way: judges every send.
  void finish();

  /// Where reading goes on.
  [[nodiscard]] std::int64_t next_offset(std::int32_t partition) const;
  [[nodiscard]] std::uint64_t records() const { return records_; }
  [[nodiscard]] const Violations& violations() const { return violations_; }

 private:
  void check_offset(const ReadRecord& record);
  void check_record(const ReadRecord& record, const Send& send);
  void check_order(const ReadRecord& record);
  void judge_send(SendId id, const Send& send);

  const SendLog& sends_;
  std::map<std::int32_t, std::int64_t> next_;
  std::unordered_map<SendId, std::uint64_t>
      seen_;  // which records of a send were read, one bit each
  std::map<std::pair<std::size_t, std::int32_t>, SendId> last_sends_;  // by producer and partition
  std::set<SendId> reported_;                                          // lost or torn: told once
  std::uint64_t records_ = 0;
  Violations violations_;
};

}  // namespace gregor::crash
