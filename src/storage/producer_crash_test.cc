// Idempotent producers through crashes and full disks, from seeds: whatever is lost on the way,
// after their retries each batch is in the log once, in the order of its producer.
#include <gtest/gtest.h>

#include <cerrno>
#include <deque>
#include <list>
#include <map>

#include "model/record.h"
#include "storage/crash_history.h"
#include "storage/planted_bug.h"

namespace gregor::storage {
namespace {

using model::LeaderEpoch;
using model::Offset;
using model::ProducerEpoch;
using model::ProducerId;
using test::Bytes;
using test::sim::CrashKind;
using test::sim::FileOperation;

// More than that many batches of all producers, unanswered, could reach over more segments than
// recovery looks at; Kafka forgets them then, too.
constexpr std::size_t in_flight_max = 2;
constexpr int producers = 2;

/// What a run did, summed over all of them.
struct Tally : test::CrashTally {
  int acknowledged = 0;
  int duplicates = 0;
  int failures = 0;
};

/// A batch on its way, once; what its append uses stays until the node has gone.
struct Attempt {
  Bytes batch;
  std::optional<AppendResult<AppendInfo>> result;
};

struct Message {
  std::int64_t number = 0;  // counts the batches of its producer
  std::int32_t sequence = 0;
  int records = 1;
  Attempt* attempt = nullptr;  // nullptr: to be sent
};

/// A client that keeps the order: after an error it sends again, once nothing is on its way.
struct Sender {
  std::int64_t id = 0;
  std::int64_t next_number = 0;
  std::int32_t next_sequence = 0;
  std::deque<Message> unanswered;
  std::map<std::int64_t, Offset> acknowledged;  // number -> offset
  bool is_recovering = false;
};

class ProducerCrashRun final : public test::CrashHistory {
 public:
  ProducerCrashRun(std::uint64_t seed, Tally& tally)
      : CrashHistory(seed, "producer crash test", 5, tally), tally_(tally) {
    config_ = std::make_shared<config::TopicConfig>();
    config_->segment_bytes = 2500 + static_cast<std::int64_t>(random_.below(3000));
    config_->index_interval_bytes = static_cast<std::int64_t>(random_.below(500));
    is_flushing_ = random_.below(2) == 0;
    if (is_flushing_) config_->flush_messages = 1;
    for (int i = 0; i < producers; ++i) {
      Sender sender;
      sender.id = 40 + i;
      // Some wrap soon.
      if (random_.below(2) == 0) sender.next_sequence = INT32_MAX - 20;
      senders_.push_back(std::move(sender));
    }
  }

 private:
  void live(bool is_last) override {
    const bool stops_cleanly = is_last || random_.below(4) == 0;
    // What a power loss may take from a log that is not flushed is no producer's fault.
    const auto kind = is_flushing_ ? draw_kind() : CrashKind::kill;
    if (!open_log(config_, kind, !stops_cleanly)) return;
    check();
    if (!stops_cleanly && random_.below(2) == 0) crash_within(120);
    const std::uint64_t turns = 5 + random_.below(40);
    for (std::uint64_t turn = 0; turn < turns && host_.node().is_up(); ++turn) {
      if (random_.below(8) == 0) {
        host_.disk().fail_nth(FileOperation::write, 1 + random_.below(3), ENOSPC);
      }
      for (auto& sender : senders_) send(sender, true);
      host_.world().run_for(std::chrono::microseconds(random_.below(3000)));
      for (auto& sender : senders_) collect(sender);
      host_.disk().clear_failures();
      if (random_.below(10) == 0 && host_.node().is_up()) {
        if (!host_.write_checkpoints() && host_.node().is_up()) complain("checkpoint");
      }
    }
    if (stops_cleanly) return finish();
    end_life();
    forget_attempts();
  }

  void finish() {
    for (int round = 0; round < 100; ++round) {
      bool is_idle = true;
      for (auto& sender : senders_) {
        send(sender, false);
        is_idle &= sender.unanswered.empty();
      }
      if (is_idle) break;
      host_.settle(std::chrono::milliseconds(200));
      for (auto& sender : senders_) collect(sender);
    }
    for (const auto& sender : senders_) {
      if (!sender.unanswered.empty()) return complain("a producer makes no progress");
    }
    check();
    stop();
    forget_attempts();
  }

  /// Sends what waits, and new batches if it may.
  void send(Sender& sender, bool may_add) {
    if (sender.is_recovering) {
      for (const auto& message : sender.unanswered) {
        if (message.attempt != nullptr) return;
      }
      sender.is_recovering = false;
    }
    // A producer that is not known may begin with any sequence: also, as with Kafka, with the batch
    // behind the first one, if that could not be written. So the first one goes alone.
    const std::size_t limit = sender.acknowledged.empty() ? 1 : in_flight_max;
    while (may_add && sender.unanswered.size() < limit) {
      Message message;
      message.number = sender.next_number++;
      message.sequence = sender.next_sequence;
      message.records = 1 + static_cast<int>(random_.below(3));
      const std::int64_t next = std::int64_t{message.sequence} + message.records;
      sender.next_sequence = static_cast<std::int32_t>(next & INT32_MAX);
      sender.unanswered.push_back(message);
    }
    for (auto& message : sender.unanswered) {
      if (message.attempt != nullptr) continue;
      attempts_.push_back({batch_of(sender, message), std::nullopt});
      message.attempt = &attempts_.back();
      host_.shard().post([this, attempt = message.attempt] {
        host_.start(host_.log().append(attempt->batch, LeaderEpoch(0)), &attempt->result);
      });
    }
  }

  [[nodiscard]] Bytes batch_of(const Sender& sender, const Message& message) {
    model::BatchBuilder builder({.producer_id = ProducerId(sender.id),
                                 .producer_epoch = ProducerEpoch(0),
                                 .base_sequence = message.sequence});
    const std::string value = std::to_string(message.number) + std::string(100, 'x');
    for (int i = 0; i < message.records; ++i) {
      builder.add({.timestamp = model::TimestampMs(1000 + message.number),
                   .key = as_bytes("k"),
                   .value = as_bytes(value)});
    }
    return *builder.finish();
  }

  void collect(Sender& sender) {
    bool is_first = true;
    for (auto& message : sender.unanswered) {
      if (message.attempt == nullptr || !message.attempt->result) {
        is_first = false;
        continue;
      }
      const auto& result = *message.attempt->result;
      if (result) {
        sender.acknowledged[message.number] = result->offsets.first;
        tally_.acknowledged += 1;
        tally_.duplicates += result->is_duplicate ? 1 : 0;
        continue;  // taken out below
      }
      tally_.failures += 1;
      const bool may_be_out_of_order = sender.is_recovering || !is_first;
      if (result.error().error.code != ErrorCode::kafka_storage_error && !may_be_out_of_order) {
        complain("batch " + std::to_string(message.number) + " of producer " +
                 std::to_string(sender.id) + " is refused: " + result.error().error.detail);
      }
      message.attempt = nullptr;
      sender.is_recovering = true;
      is_first = false;
    }
    std::erase_if(sender.unanswered, [](const Message& message) {
      return message.attempt != nullptr && message.attempt->result &&
             message.attempt->result->has_value();
    });
  }

  /// The answers that have not come never will.
  void forget_attempts() {
    for (auto& sender : senders_) {
      collect(sender);
      for (auto& message : sender.unanswered) message.attempt = nullptr;
      sender.is_recovering = false;
    }
    attempts_.clear();
  }

  /// Each producer's batches are there once, in order, without a hole; what was acknowledged is
  /// there, where it was said to be.
  void check() {
    const auto bytes = host_.read_all(Offset(0), host_.log().log_end());
    if (!bytes) return complain("can't be read: " + bytes.error().detail);
    std::map<std::int64_t, std::map<std::int64_t, Offset>> found;  // id -> number -> offset
    model::BatchCursor cursor(*bytes);
    for (auto batch = cursor.next(); batch && *batch; batch = cursor.next()) {
      model::RecordCursor records((*batch)->records());
      const auto record = records.next();
      const std::int64_t number = std::stoll(std::string(as_text(*(*record)->value())));
      auto& numbers = found[(*batch)->producer_id().value()];
      if (number != static_cast<std::int64_t>(numbers.size())) {
        return complain("batch " + std::to_string(number) + " comes as number " +
                        std::to_string(numbers.size()));
      }
      numbers[number] = (*batch)->base_offset();
    }
    for (const auto& sender : senders_) {
      for (const auto& [number, offset] : sender.acknowledged) {
        const auto& numbers = found[sender.id];
        const auto there = numbers.find(number);
        if (there == numbers.end() || there->second != offset) {
          return complain("acknowledged batch " + std::to_string(number) + " is not at " +
                          std::to_string(offset.value()));
        }
      }
    }
  }

  Tally& tally_;
  std::shared_ptr<config::TopicConfig> config_;
  bool is_flushing_ = false;
  std::vector<Sender> senders_;
  std::list<Attempt> attempts_;
};

TEST(ProducerCrashTest, nothing_is_there_twice_or_out_of_order_in_any_seed) {
  Tally tally;
  const auto range = test::asked_seeds(300);
  test::run_histories<ProducerCrashRun>(range, tally, "ProducerCrashTest");
  if (!range.is_large || HasFatalFailure()) return;
  EXPECT_GT(tally.acknowledged, 10000);
  EXPECT_GT(tally.duplicates, 100);
  EXPECT_GT(tally.failures, 100);
  EXPECT_GT(tally.kills + tally.power_losses, 500);
}

class PlantedProducerBugTest : public ::testing::TestWithParam<PlantedBug> {};

TEST_P(PlantedProducerBugTest, is_found) {
  plant_bug(GetParam());
  const auto complaint = test::first_complaint<ProducerCrashRun, Tally>();
  plant_bug(PlantedBug::none);
  EXPECT_NE(complaint, "");
}

INSTANTIATE_TEST_SUITE_P(All, PlantedProducerBugTest,
                         ::testing::Values(PlantedBug::keep_failed_sequences,
                                           PlantedBug::skip_producer_replay),
                         [](const auto& tested) {
                           return std::to_string(static_cast<int>(tested.param));
                         });

}  // namespace
}  // namespace gregor::storage
