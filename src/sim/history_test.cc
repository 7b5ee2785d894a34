// Golden histories: for each invariant one with a planted violation, which must be named, and its
// clean twin.
#include "sim/history.h"

#include <gtest/gtest.h>

#include <list>

namespace gregor::sim {
namespace {

using model::Offset;
using model::TimestampMs;
using std::chrono::milliseconds;

constexpr runtime::Instant start{std::chrono::hours(1)};
constexpr std::int64_t first_timestamp = 1'000'000;

// Two partitions of one topic, a producer, a reader.
class HistoryTest : public testing::Test {
 protected:
  explicit HistoryTest(bool is_flushed_each = false)
      : history(is_flushed_each, milliseconds(100), violations) {
    where.topic = model::Uuid::from_bits(1, 2);
    other = where;
    other.partition = 1;
    history.add_topic(where.topic, "t", 2);
  }

  BatchNumber send(const PartitionKey& to, std::int32_t count, bool is_valid = true) {
    SentBatch batch;
    batch.where = to;
    batch.first = make_value(1, next_counter);
    batch.count = count;
    batch.timestamp = TimestampMs(first_timestamp);
    batch.is_valid = is_valid;
    batch.channel = 5;
    batch.sent = start;
    next_counter += static_cast<std::uint64_t>(count);
    return history.send(batch);
  }
  BatchNumber send_and_ack(const PartitionKey& to, std::int32_t count, std::int64_t base) {
    const BatchNumber number = send(to, count);
    history.acknowledge(number, Offset(base), TimestampMs(-1), start);
    return number;
  }

  BatchNumber send_idempotent(std::int32_t count, std::uint64_t channel) {
    SentBatch batch;
    batch.where = where;
    batch.first = make_value(1, next_counter);
    batch.count = count;
    batch.timestamp = TimestampMs(first_timestamp);
    batch.producer_id = model::ProducerId(70);
    batch.channel = channel;
    batch.sent = start;
    next_counter += static_cast<std::uint64_t>(count);
    return history.send(batch);
  }
  void acknowledge(BatchNumber number, std::int64_t base) {
    history.acknowledge(number, Offset(base), TimestampMs(-1), start);
  }

  // The records of a batch as they would be read at `base`.
  FetchedPartition::Batch records_of(BatchNumber number, std::int64_t base) {
    const SentBatch& sent = history.batch(number);
    FetchedPartition::Batch batch;
    batch.base = Offset(base);
    batch.next = Offset(base + sent.count);
    for (std::int32_t i = 0; i < sent.count; ++i) {
      const ValueId value(sent.first.value() + static_cast<std::uint64_t>(i));
      payloads.push_back(make_payload(value, 30));
      ReadRecord record{Offset(base + i), sent.timestamp + i, std::nullopt,
                        ByteView(payloads.back())};
      if (const auto key = make_key(value)) {
        payloads.push_back(*key);
        record.key = ByteView(payloads.back());
      }
      batch.records.push_back(record);
    }
    return batch;
  }
  void read(std::int64_t from, std::int64_t high_watermark,
            std::vector<FetchedPartition::Batch> batches) {
    FetchedPartition answer{Offset(high_watermark), Offset(0), std::move(batches)};
    history.read(where, history.partition(where).mark(), Offset(from), answer);
  }
  void expect_only(std::string_view invariant) {
    EXPECT_TRUE(violations.has(invariant)) << invariant << " is not named";
    for (const Violation& violation : violations.first())
      EXPECT_EQ(violation.invariant, invariant) << violation.text;
  }
  void expect_clean() {
    for (const Violation& violation : violations.first())
      ADD_FAILURE() << violation.invariant << ": " << violation.text;
  }

  Violations violations;
  History history;
  PartitionKey where;
  PartitionKey other;
  std::uint64_t next_counter = 1;
  std::list<std::vector<std::byte>> payloads;
};

class FlushedHistoryTest : public HistoryTest {
 protected:
  FlushedHistoryTest() : HistoryTest(true) {}
};

TEST_F(HistoryTest, CleanRun) {
  const auto first = send_and_ack(where, 3, 0);
  const auto second = send_and_ack(where, 2, 3);
  const auto unanswered = send(where, 1);
  history.lose_sight(unanswered);
  read(0, 6, {records_of(first, 0), records_of(second, 3), records_of(unanswered, 5)});
  read(4, 6, {records_of(second, 3)});
  for (const Ending ending : {Ending::kill, Ending::clean, Ending::power}) {
    history.end_life(ending);
    history.restart(where, Offset(6));
    history.resume();
  }
  expect_clean();
}

TEST_F(HistoryTest, D1AcknowledgedRecordGoneAfterKill) {
  send_and_ack(where, 3, 0);
  history.end_life(Ending::kill);
  history.restart(where, Offset(2));
  EXPECT_TRUE(violations.has("D1"));
}

TEST_F(HistoryTest, D1ReadRecordGoneAfterKill) {
  const auto number = send(where, 3);
  read(0, 3, {records_of(number, 0)});
  history.end_life(Ending::kill);
  history.restart(where, Offset(0));
  expect_only("D1");
}

TEST_F(FlushedHistoryTest, D1AcknowledgedRecordGoneAfterPowerLossThoughFlushed) {
  send_and_ack(where, 3, 0);
  history.end_life(Ending::power);
  history.restart(where, Offset(0));
  expect_only("D1");
}

TEST_F(FlushedHistoryTest, UnacknowledgedRecordMayGoWithThePower) {
  send_and_ack(where, 3, 0);
  const auto number = send(where, 2);
  read(0, 5, {records_of(0, 0), records_of(number, 3)});
  history.end_life(Ending::power);
  history.restart(where, Offset(3));
  expect_clean();
}

TEST_F(HistoryTest, AcknowledgedRecordMayGoWithThePowerAndItsOffsetIsGivenAgain) {
  send_and_ack(where, 3, 0);
  history.end_life(Ending::power);
  history.restart(where, Offset(0));
  EXPECT_EQ(history.lost_count(), 1U);
  history.resume();
  const auto second = send_and_ack(where, 3, 0);
  read(0, 3, {records_of(second, 0)});
  expect_clean();
}

TEST_F(HistoryTest, D1RecordComesBackAfterItWasGone) {
  const auto first = send_and_ack(where, 3, 0);
  history.end_life(Ending::power);
  history.restart(where, Offset(0));
  history.resume();
  read(0, 3, {records_of(first, 0)});
  expect_only("D1");
}

TEST_F(HistoryTest, PrefixEndsWithinABatch) {
  send_and_ack(where, 3, 0);
  history.end_life(Ending::power);
  history.restart(where, Offset(2));
  expect_only("PREFIX");
}

TEST_F(HistoryTest, ABatchThatIsSentAgainIsFoundWhereItWas) {
  const auto first = send_idempotent(2, 5);
  const auto second = send_idempotent(3, 5);
  read(0, 2, {records_of(first, 0)});
  history.lose_sight(first);
  history.lose_sight(second);
  history.end_life(Ending::kill);
  history.restart(where, Offset(2));
  history.resume();
  history.send_again(first, 6);
  history.send_again(second, 6);
  acknowledge(first, 0);
  acknowledge(second, 2);
  read(0, 5, {records_of(first, 0), records_of(second, 2)});
  expect_clean();
}

TEST_F(HistoryTest, ABatchThatThePowerTookMayComeBackWhenItIsSentAgain) {
  const auto acked = send_and_ack(where, 2, 0);
  const auto number = send_idempotent(2, 5);
  read(0, 4, {records_of(acked, 0), records_of(number, 2)});
  history.lose_sight(number);
  history.end_life(Ending::power);
  history.restart(where, Offset(0));
  history.resume();
  history.send_again(number, 6);
  acknowledge(number, 0);
  read(0, 2, {records_of(number, 0)});
  expect_clean();
}

TEST_F(HistoryTest, I1ABatchThatIsSentAgainIsThereTwice) {
  const auto number = send_idempotent(2, 5);
  history.lose_sight(number);
  history.send_again(number, 6);
  read(0, 4, {records_of(number, 0), records_of(number, 2)});
  expect_only("I1");
}

TEST_F(HistoryTest, D2ABatchThatIsSentAgainIsAnsweredWithAnotherOffset) {
  const auto number = send_idempotent(2, 5);
  read(0, 2, {records_of(number, 0)});
  history.lose_sight(number);
  history.send_again(number, 6);
  acknowledge(number, 2);
  EXPECT_TRUE(violations.has("D2"));
}

TEST_F(HistoryTest, O3BatchesOfAnIdempotentProducerChangePlaces) {
  const auto first = send_idempotent(2, 5);
  const auto second = send_idempotent(2, 6);
  acknowledge(second, 0);
  acknowledge(first, 2);
  expect_only("O3");
}

TEST_F(HistoryTest, O3IsSeenByReadersToo) {
  const auto first = send_idempotent(2, 5);
  const auto second = send_idempotent(2, 5);
  read(0, 4, {records_of(second, 0), records_of(first, 2)});
  expect_only("O3");
}

TEST_F(HistoryTest, I3AProducerIdIsGivenTwice) {
  history.take_producer_id(model::ProducerId(7));
  history.take_producer_id(model::ProducerId(8));
  expect_clean();
  history.take_producer_id(model::ProducerId(7));
  expect_only("I3");
}

TEST_F(HistoryTest, S2CleanStopIsDurable) {
  send_and_ack(where, 3, 0);
  history.end_life(Ending::clean);
  history.end_life(Ending::power);
  history.restart(where, Offset(0));
  expect_only("S2");
}

TEST_F(HistoryTest, S2WhatSurvivedOnePowerLossSurvivesTheNext) {
  send_and_ack(where, 3, 0);
  history.end_life(Ending::power);
  history.restart(where, Offset(3));
  history.resume();
  history.end_life(Ending::power);
  history.restart(where, Offset(0));
  expect_only("S2");
}

TEST_F(HistoryTest, S2RecoveryPoint) {
  send_and_ack(where, 3, 0);
  history.end_life(Ending::power);
  history.partition(where).promise_durable(Offset(3));
  history.restart(where, Offset(0));
  expect_only("S2");
}

TEST_F(HistoryTest, S1SecondRecoveryFindsMoreThanTheFirst) {
  send_and_ack(where, 3, 0);
  history.end_life(Ending::power);
  history.restart(where, Offset(0));
  history.end_life(Ending::kill);
  history.restart(where, Offset(3));
  expect_only("S1");
}

TEST_F(HistoryTest, D2ReadElsewhereThanAcknowledged) {
  const auto first = send_and_ack(where, 2, 0);
  read(0, 12, {});
  read(10, 12, {records_of(first, 10)});
  EXPECT_TRUE(violations.has("D2"));
}

TEST_F(HistoryTest, D3RecordThatNobodySent) {
  auto batch = records_of(send_and_ack(where, 1, 0), 0);
  payloads.push_back(make_payload(make_value(9, 9), 30));
  batch.records[0].value = ByteView(payloads.back());
  read(0, 1, {batch});
  expect_only("D3");
}

TEST_F(HistoryTest, D3DamagedPayload) {
  auto batch = records_of(send_and_ack(where, 1, 0), 0);
  payloads.back()[0] ^= std::byte{1};
  batch.records[0].value = ByteView(payloads.front());
  payloads.front()[20] ^= std::byte{1};
  read(0, 1, {batch});
  expect_only("D3");
}

TEST_F(HistoryTest, D3RecordOfAnotherPartition) {
  const auto number = send_and_ack(other, 1, 0);
  read(0, 1, {records_of(number, 0)});
  expect_only("D3");
}

TEST_F(HistoryTest, D3AnotherKey) {
  auto batch = records_of(send_and_ack(where, 1, 0), 0);
  batch.records[0].key = as_bytes("wrong");
  read(0, 1, {batch});
  expect_only("D3");
}

TEST_F(HistoryTest, D4RefusedRecordIsRead) {
  const auto number = send(where, 1);
  history.refuse(number, ErrorCode::invalid_record);
  read(0, 1, {records_of(number, 0)});
  expect_only("D4");
}

TEST_F(HistoryTest, D4RefusedAfterItWasRead) {
  const auto number = send(where, 1);
  read(0, 1, {records_of(number, 0)});
  history.refuse(number, ErrorCode::invalid_record);
  expect_only("D4");
}

TEST_F(HistoryTest, D4InvalidBatchIsTaken) {
  const auto number = send(where, 1, false);
  history.acknowledge(number, Offset(0), TimestampMs(-1), start);
  expect_only("D4");
}

TEST_F(HistoryTest, D5TwoReadsDisagree) {
  const auto first = send(where, 1);
  const auto second = send(where, 1);
  read(0, 1, {records_of(first, 0)});
  read(0, 1, {records_of(second, 0)});
  expect_only("D5");
}

TEST_F(HistoryTest, D6OffsetIsGivenTwice) {
  history.acknowledge(send(where, 1), Offset(0), TimestampMs(-1), start);
  PartitionHistory& partition = history.partition(where);
  partition.assign(Offset(0), make_value(1, 99), "ack");
  expect_only("D6");
}

TEST_F(HistoryTest, I1RecordIsThereTwice) {
  const auto number = send(where, 1);
  history.lose_sight(number);
  read(0, 2, {records_of(number, 0), records_of(number, 1)});
  EXPECT_TRUE(violations.has("I1"));
}

TEST_F(HistoryTest, O1OrderOfOneConnection) {
  const auto first = send(where, 1);
  const auto second = send(where, 1);
  history.acknowledge(first, Offset(1), TimestampMs(-1), start);
  history.acknowledge(second, Offset(0), TimestampMs(-1), start);
  expect_only("O1");
}

TEST_F(HistoryTest, O2SentAfterAnAcknowledgementAndPlacedBeforeIt) {
  send_and_ack(where, 1, 5);
  SentBatch late;
  late.where = where;
  late.first = make_value(2, 1);
  late.count = 1;
  const auto number = history.send(late);
  history.acknowledge(number, Offset(3), TimestampMs(-1), start);
  expect_only("O2");
}

TEST_F(HistoryTest, O4FirstBatchIsNotTheOneAskedFor) {
  const auto first = send_and_ack(where, 2, 0);
  const auto second = send_and_ack(where, 2, 2);
  read(0, 4, {records_of(second, 2)});
  EXPECT_TRUE(violations.has("O4"));
  EXPECT_EQ(history.batch(first).state, BatchState::acked);
}

TEST_F(HistoryTest, O6GapBetweenBatches) {
  const auto first = send(where, 2);
  const auto second = send(where, 2);
  read(0, 6, {records_of(first, 0), records_of(second, 4)});
  expect_only("O6");
}

TEST_F(HistoryTest, O6OffsetsWithinABatch) {
  auto batch = records_of(send(where, 2), 0);
  batch.records[1].offset = Offset(0);
  read(0, 2, {batch});
  EXPECT_TRUE(violations.has("O6"));
}

TEST_F(HistoryTest, V1HighWatermarkGoesBack) {
  read(0, 5, {});
  read(0, 4, {});
  expect_only("V1");
}

TEST_F(HistoryTest, V1OnlyWhatWasSeenBeforeTheRequestCounts) {
  const ReadMark mark = history.partition(where).mark();
  read(0, 5, {});
  history.read(where, mark, Offset(0), {Offset(4), Offset(0), {}});
  expect_clean();
}

TEST_F(HistoryTest, V2RecordBeyondTheHighWatermark) {
  const auto number = send(where, 2);
  read(0, 1, {records_of(number, 0)});
  expect_only("V2");
}

TEST_F(HistoryTest, V3LatestBelowAnAcknowledgement) {
  send_and_ack(where, 2, 0);
  PartitionHistory& partition = history.partition(where);
  partition.see_latest(partition.mark(), Offset(2));
  expect_clean();
  partition.see_latest(partition.mark(), Offset(1));
  EXPECT_TRUE(violations.has("V3"));
}

TEST_F(HistoryTest, V4LogStartGoesBack) {
  history.read(where, history.partition(where).mark(), Offset(3), {Offset(5), Offset(2), {}});
  expect_clean();
  history.read(where, history.partition(where).mark(), Offset(3), {Offset(5), Offset(0), {}});
  expect_only("V4");
}

TEST_F(HistoryTest, TsAnotherTimestamp) {
  auto batch = records_of(send_and_ack(where, 1, 0), 0);
  batch.records[0].timestamp = TimestampMs(1);
  read(0, 1, {batch});
  expect_only("TS");
}

TEST_F(HistoryTest, TsAppendTimeIsThatOfTheAnswer) {
  SentBatch sent;
  sent.where = where;
  sent.first = make_value(1, 1);
  sent.count = 1;
  sent.has_append_time = true;
  const auto number = history.send(sent);
  history.acknowledge(number, Offset(0), TimestampMs(777), start);
  auto batch = records_of(number, 0);
  batch.records[0].timestamp = TimestampMs(777);
  read(0, 1, {batch});
  expect_clean();
  batch.records[0].timestamp = TimestampMs(778);
  read(0, 1, {batch});
  expect_only("TS");
}

TEST_F(HistoryTest, W1ParkedFetchIsNotWoken) {
  FetchUnderWay fetch;
  fetch.interests.push_back({where, Offset(0)});
  fetch.wait_max = std::chrono::seconds(5);
  fetch.sent = start;
  const FetchTicket in_time = history.fetches().start(fetch);
  const FetchTicket late = history.fetches().start(fetch);
  history.acknowledge(send(where, 1), Offset(0), TimestampMs(-1), start + milliseconds(10));
  history.fetches().answered(in_time, start + milliseconds(110));
  expect_clean();
  history.fetches().answered(late, start + milliseconds(111));
  expect_only("W1");
}

TEST_F(HistoryTest, W1OnlyAppendsThatAreWaitedFor) {
  FetchUnderWay fetch;
  fetch.interests.push_back({where, Offset(1)});
  fetch.wait_max = std::chrono::seconds(5);
  fetch.sent = start;
  const FetchTicket ticket = history.fetches().start(fetch);
  history.acknowledge(send(where, 1), Offset(0), TimestampMs(-1), start);
  history.acknowledge(send(other, 1), Offset(0), TimestampMs(-1), start);
  history.fetches().answered(ticket, start + std::chrono::seconds(5));
  expect_clean();
}

TEST_F(HistoryTest, L4FetchIsKeptBeyondItsWait) {
  FetchUnderWay fetch;
  fetch.interests.push_back({where, Offset(0)});
  fetch.wait_max = std::chrono::seconds(1);
  fetch.sent = start;
  const FetchTicket ticket = history.fetches().start(fetch);
  history.fetches().answered(ticket, start + milliseconds(1'101));
  expect_only("L4");
}

}  // namespace
}  // namespace gregor::sim
