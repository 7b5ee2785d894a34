// Log dirs made by Apache Kafka 3.9.1's own classes (tests/golden/storage, see the README there):
// our recovery, our indexes, our rolls and our lookups must come to the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "storage/checkpoint_file.h"
#include "storage/file_names.h"
#include "storage/log_dirs.h"
#include "storage/test_support.h"

namespace gregor::storage {
namespace {

using model::Offset;
using model::TimestampMs;
using test::Bytes;

const std::string golden = GREGOR_SOURCE_DIR "/tests/golden/storage";
const std::vector<std::string> partitions{"golden-0", "golden-1", "golden-2", "golden-3"};

Bytes slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

std::shared_ptr<config::TopicConfig> golden_config() {
  auto config = std::make_shared<config::TopicConfig>();
  config->segment_bytes = 2000;
  config->segment_index_bytes = 1024;
  config->index_interval_bytes = 300;
  config->segment_ms = INT64_MAX / 2;
  return config;
}

/// The files of a partition's folder, by name.
std::map<std::string, std::string> files_of(const std::string& folder) {
  std::map<std::string, std::string> contents;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    contents[entry.path().filename()] = test::hex(slurp(entry.path()));
  }
  return contents;
}

class GoldenStorageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(std::filesystem::exists(golden)) << "tests/golden/storage is missing";
  }
  std::string copy(const std::string& which) {
    const std::string to = host_.root() + "/" + which;
    std::filesystem::copy(golden + "/" + which, to, std::filesystem::copy_options::recursive);
    return to;
  }
  std::unique_ptr<LogDirs> open(const std::string& path) {
    auto dirs = LogDirs::open(host_.files(), {{path}, 1});
    EXPECT_TRUE(dirs.has_value()) << dirs.error().detail;
    return std::move(*dirs);
  }
  std::unique_ptr<PartitionLog> load_log(LogDirs& dirs, const FoundPartition& found) {
    auto loaded = dirs.load(found, golden_config());
    EXPECT_TRUE(loaded.has_value()) << loaded.error().detail;
    return std::make_unique<PartitionLog>(host_.shard(), std::move(**loaded));
  }

  test::RealHost host_;
};

TEST_F(GoldenStorageTest, recovery_and_a_clean_stop_leave_the_bytes_that_kafka_leaves) {
  const auto dir = copy("crashed");
  const auto dirs = open(dir);
  EXPECT_FALSE(dirs->was_clean(0));
  ASSERT_EQ(dirs->partitions().size(), partitions.size());
  DirCheckpoints checkpoints;
  for (const auto& found : dirs->partitions()) {
    const auto log = load_log(*dirs, found);
    const auto closed = host_.wait(log->close());
    EXPECT_TRUE(closed.has_value()) << closed.error().detail;
    checkpoints.recovery_points[found.partition] = log->recovery_point();
  }
  ASSERT_TRUE(dirs->write_checkpoints(0, checkpoints).has_value());
  for (const auto& name : partitions) {
    EXPECT_EQ(files_of(dir + "/" + name), files_of(golden + "/recovered/" + name)) << name;
  }
  const auto parsed = [](const std::string& path) {
    const auto bytes = slurp(path);
    return *parse_offset_checkpoint(as_text(bytes));
  };
  const std::string points = "/recovery-point-offset-checkpoint";
  EXPECT_EQ(parsed(dir + points), parsed(golden + "/recovered" + points));
}

TEST_F(GoldenStorageTest, a_clean_dir_is_taken_over_and_left_as_it_is) {
  const auto dir = copy("closed");
  const auto dirs = open(dir);
  EXPECT_TRUE(dirs->was_clean(0));
  EXPECT_EQ(dirs->meta().broker_id, 7);
  for (const auto& found : dirs->partitions()) {
    EXPECT_TRUE(found.topic_id.has_value());
    const auto log = load_log(*dirs, found);
    const auto read = host_.wait(log->read({log->log_start(), log->log_end(), 1 << 20, true}));
    EXPECT_TRUE(read.has_value()) << read.error().detail;
    const auto closed = host_.wait(log->close());
    EXPECT_TRUE(closed.has_value()) << closed.error().detail;
  }
  for (const auto& name : partitions) {
    EXPECT_EQ(files_of(dir + "/" + name), files_of(golden + "/closed/" + name)) << name;
  }
}

/// Every batch of a golden partition, in order.
std::vector<Bytes> batches_of(const std::string& folder) {
  std::map<std::string, Bytes> segments;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".log") segments[entry.path()] = slurp(entry.path());
  }
  std::vector<Bytes> batches;
  for (const auto& [path, bytes] : segments) {
    model::BatchCursor cursor(bytes);
    for (auto batch = cursor.next(); batch && *batch; batch = cursor.next()) {
      batches.emplace_back((*batch)->bytes().begin(), (*batch)->bytes().end());
    }
  }
  return batches;
}

TEST_F(GoldenStorageTest, appending_the_same_batches_makes_the_same_files) {
  const auto dirs = open(host_.root() + "/appended");
  const auto id = *model::Uuid::parse("AAAAAAAAAAAAAAAAAAAAAQ");
  auto made = dirs->create({"golden", model::PartitionIndex(0)}, id, golden_config());
  ASSERT_TRUE(made.has_value()) << made.error().detail;
  PartitionLog log(host_.shard(), std::move(**made));
  for (Bytes batch : batches_of(golden + "/closed/golden-0")) {
    const auto view = *model::RecordBatchView::parse(batch);
    const Offset base = view.base_offset();
    const auto epoch = view.leader_epoch();
    model::set_base_offset(batch, Offset(0));
    const auto appended = host_.wait(log.append(batch, epoch));
    ASSERT_TRUE(appended.has_value()) << appended.error().error.detail;
    ASSERT_EQ(appended->offsets.first, base);
  }
  const auto closed = host_.wait(log.close());
  ASSERT_TRUE(closed.has_value()) << closed.error().detail;
  auto ours = files_of(log.directory());
  auto theirs = files_of(golden + "/closed/golden-0");
  ours.erase("partition.metadata");
  theirs.erase("partition.metadata");
  EXPECT_EQ(ours, theirs);
}

/// What Kafka's classes answered, from closed.txt, by partition.
struct Answers {
  std::int64_t last_stable = -1;
  std::vector<AbortedTransaction> aborted;                      // of all segments
  std::map<std::int64_t, std::vector<ProducerInfo>> snapshots;  // by offset
  std::vector<std::array<std::int64_t, 3>> finds;  // asked, offset (-1: none), timestamp
  std::vector<std::array<std::int64_t, 3>> epoch_ends;
};

ProducerInfo producer_of(std::istringstream& words) {
  std::array<std::int64_t, 8> n{};  // id, epoch, sequence, offset, delta, time, coordinator, start
  for (auto& number : n) words >> number;
  ProducerInfo info;
  info.id = model::ProducerId(n[0]);
  info.epoch = model::ProducerEpoch(static_cast<std::int16_t>(n[1]));
  info.last_sequence = static_cast<std::int32_t>(n[2]);
  info.last_timestamp = TimestampMs(n[5]);
  info.coordinator_epoch = static_cast<std::int32_t>(n[6]);
  info.transaction_start = Offset(n[7]);
  return info;
}

AbortedTransaction aborted_of(std::istringstream& words) {
  std::array<std::int64_t, 5> n{};  // segment, producer, first, last, last stable
  for (auto& number : n) words >> number;
  return {model::ProducerId(n[1]), Offset(n[2]), Offset(n[3]), Offset(n[4])};
}

std::map<std::string, Answers> kafkas_answers() {
  std::ifstream in(golden + "/closed.txt");
  std::map<std::string, Answers> answers;
  std::string line;
  std::string name;
  std::int64_t snapshot = -1;
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::string kind;
    words >> kind;
    if (kind == "log" || kind == "partition") words >> name;
    if (kind == "last-stable") words >> answers[name].last_stable;
    if (kind == "snapshot") {
      words >> snapshot;
      answers[name].snapshots[snapshot] = {};
    }
    if (kind == "producer") answers[name].snapshots[snapshot].push_back(producer_of(words));
    if (kind == "aborted") answers[name].aborted.push_back(aborted_of(words));
    std::array<std::int64_t, 3> numbers{-1, -1, -1};
    if (kind == "find") {
      std::string offset;
      words >> numbers[0] >> offset;
      if (offset != "none") {
        numbers[1] = std::stoll(offset);
        words >> numbers[2];
      }
      answers[name].finds.push_back(numbers);
    } else if (kind == "epoch-end") {
      words >> numbers[0] >> numbers[1] >> numbers[2];
      answers[name].epoch_ends.push_back(numbers);
    }
  }
  return answers;
}

void expect_producers(const std::vector<ProducerInfo>& got, std::vector<ProducerInfo> expected) {
  ASSERT_EQ(got.size(), expected.size());
  std::ranges::sort(expected, {}, &ProducerInfo::id);
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].id, expected[i].id);
    EXPECT_EQ(got[i].epoch, expected[i].epoch);
    EXPECT_EQ(got[i].last_sequence, expected[i].last_sequence);
    EXPECT_EQ(got[i].last_timestamp, expected[i].last_timestamp);
    EXPECT_EQ(got[i].coordinator_epoch, expected[i].coordinator_epoch);
    EXPECT_EQ(got[i].transaction_start, expected[i].transaction_start);
  }
}

TEST_F(GoldenStorageTest, transactions_and_producers_are_read_as_kafka_reads_them) {
  const auto answers = kafkas_answers();
  for (const std::string which : {"closed", "crashed"}) {
    const auto dirs = open(copy(which));
    for (const auto& found : dirs->partitions()) {
      const auto log = load_log(*dirs, found);
      const auto name = model::to_string(found.partition);
      if (which == "crashed" && name != "golden-2") continue;  // the others lost their ends
      const Answers& answer = answers.at(name);
      log->set_high_watermark(log->log_end());
      if (answer.last_stable > 0) {
        EXPECT_EQ(log->last_stable_offset(), Offset(answer.last_stable)) << name;
      }
      const auto aborted = host_.wait(log->aborted_transactions({Offset(0), log->log_end()}));
      ASSERT_TRUE(aborted.has_value()) << aborted.error().detail;
      EXPECT_TRUE(*aborted == answer.aborted) << name;
      expect_producers(log->producers(), answer.snapshots.rbegin()->second);
      EXPECT_TRUE(host_.wait(log->close()).has_value());
    }
  }
}

TEST_F(GoldenStorageTest, lookups_by_time_and_epoch_answer_as_kafka_does) {
  const auto dirs = open(copy("closed"));
  const auto answers = kafkas_answers();
  std::size_t compared = 0;
  for (const auto& found : dirs->partitions()) {
    const auto log = load_log(*dirs, found);
    const auto name = model::to_string(found.partition);
    for (const auto& [asked, offset, timestamp] : answers.at(name).finds) {
      if (asked == -1 || asked == -2) continue;
      const auto got = asked == -3
                           ? host_.wait(log->offset_of_max_timestamp(log->log_end()))
                           : host_.wait(log->offset_for_time(TimestampMs(asked), log->log_end()));
      ASSERT_TRUE(got.has_value()) << got.error().detail;
      EXPECT_EQ(got->offset, Offset(offset)) << name << " " << asked;
      EXPECT_EQ(got->timestamp, TimestampMs(timestamp)) << name << " " << asked;
      ++compared;
    }
    for (const auto& [asked, epoch, end] : answers.at(name).epoch_ends) {
      const auto got = log->end_of_epoch(model::LeaderEpoch(static_cast<std::int32_t>(asked)));
      EXPECT_EQ(got.epoch.value(), epoch) << name << " " << asked;
      EXPECT_EQ(got.end, Offset(end)) << name << " " << asked;
      ++compared;
    }
  }
  EXPECT_GT(compared, 60u);
}

}  // namespace
}  // namespace gregor::storage
