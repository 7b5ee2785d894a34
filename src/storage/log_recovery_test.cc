// Loading logs that a crash, or worse, has left: garbage, lost segments and indexes, swaps. (Every
// cut and every flipped byte: damage_sweep_test.cc.)
#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <map>

#include "runtime/real/posix_file_system.h"
#include "storage/file_names.h"
#include "storage/index_file.h"
#include "storage/simulated_test_support.h"

namespace gregor::storage {
namespace {

using model::LeaderEpoch;
using model::Offset;
using test::Bytes;
using test::make_batch;
using test::small_config;
using test::stored_batch;
using test::sim::CrashKind;
using test::sim::FileOperation;

/// A folder in memory of one partition, which is loaded again and again.
class LogRecoveryTest : public ::testing::Test {
 protected:
  LogRecoveryTest() {
    files().create_directory("/data");
    files().create_directory(folder_);
  }
  runtime::FileSystem& files() { return host_.files(); }
  std::string path(std::int64_t base, std::string_view suffix) {
    return join_path(folder_, segment_file_name(Offset(base), suffix));
  }
  void write(std::int64_t base, std::string_view suffix, ByteView bytes) {
    test::write_file(files(), path(base, suffix), bytes);
  }
  Bytes read(std::int64_t base, std::string_view suffix) {
    return test::read_file(files(), path(base, suffix));
  }
  std::vector<runtime::FileInfo> entries() {
    auto listed = files().list(folder_);
    EXPECT_TRUE(listed.has_value());
    return std::move(*listed);
  }
  void clear() {
    for (const auto& entry : entries()) {
      ASSERT_TRUE(files().remove(folder_ + "/" + entry.name).has_value());
    }
  }
  LoadRequest request(bool is_clean = false, std::int64_t recovery_point = 0) {
    LoadRequest request;
    request.partition = test::SimulatedHost::partition();
    request.directory = folder_;
    request.config = small_config();
    request.is_clean = is_clean;
    request.recovery_point = Offset(recovery_point);
    return request;
  }
  LoadedLog load(const LoadRequest& request) {
    auto loaded = load_log(files(), request);
    EXPECT_TRUE(loaded.has_value()) << loaded.error().detail;
    return loaded ? std::move(**loaded) : LoadedLog{};
  }
  /// All files of the folder, to compare.
  std::map<std::string, std::string> snapshot() {
    std::map<std::string, std::string> contents;
    for (const auto& entry : entries()) {
      contents[entry.name] = test::hex(test::read_file(files(), folder_ + "/" + entry.name));
    }
    return contents;
  }
  /// `count` batches of 2 records as they stand in a log from `base` on.
  static std::vector<Bytes> batches_from(std::int64_t base, int count) {
    std::vector<Bytes> batches;
    for (int i = 0; i < count; ++i) {
      batches.push_back(stored_batch(base + 2 * i, {.records = 2, .timestamp = 1000 + i}));
    }
    return batches;
  }
  static Bytes joined(const std::vector<Bytes>& batches) {
    Bytes all;
    for (const auto& batch : batches) test::append_to(all, batch);
    return all;
  }

  test::SimulatedHost host_;
  const std::string folder_ = "/data/t-0";
};

TEST_F(LogRecoveryTest, zeros_and_garbage_behind_the_last_batch_are_cut) {
  const auto batches = batches_from(0, 5);
  const Bytes whole = joined(batches);
  for (const std::size_t tail : {1U, 11U, 12U, 17U, 60U, 61U, 62U, 500U, 5000U}) {
    for (const int kind : {0, 0xff, 0x41}) {
      clear();
      Bytes bytes = whole;
      bytes.resize(whole.size() + tail, static_cast<std::byte>(kind));
      write(0, ".log", bytes);
      const auto log = load(request());
      ASSERT_EQ(log.log_end, Offset(10));
      ASSERT_EQ(log.cut_bytes, tail);
      ASSERT_TRUE(read(0, ".log") == whole);
    }
  }
}

TEST_F(LogRecoveryTest, small_and_empty_segments) {
  for (const std::size_t size : {0U, 1U, 60U, 61U}) {
    clear();
    write(7, ".log", ByteView(stored_batch(7)).first(size));
    const auto log = load(request());
    EXPECT_EQ(log.log_end, Offset(7));
    EXPECT_EQ(log.log_start, Offset(7));
    EXPECT_EQ(read(7, ".log").size(), 0u);
  }
}

TEST(SparseSegment, of_a_terabyte_is_not_read) {
  const test::TemporaryDirectory directory;
  runtime::real::PosixFileSystem files;
  const std::string path = directory / segment_file_name(Offset(0), ".log");
  const auto file = *files.open(path, runtime::OpenMode::create);
  const Bytes batch = stored_batch(0);
  ASSERT_TRUE(file->write_at(0, batch).has_value());
  if (!file->truncate(std::uint64_t{1} << 40)) GTEST_SKIP() << "no sparse files here";
  LoadRequest request;
  request.directory = directory.path();
  request.config = small_config();
  request.is_clean = true;
  request.recovery_point = Offset(1);
  EXPECT_FALSE(load_log(files, request).has_value());  // clean, yet larger than a segment can be
  request.is_clean = false;
  request.recovery_point = Offset(0);
  const auto log = load_log(files, request);
  ASSERT_TRUE(log.has_value()) << log.error().detail;
  EXPECT_EQ((*log)->log_end, Offset(1));
  EXPECT_EQ(*file->size(), batch.size());
}

TEST_F(LogRecoveryTest, segments_behind_a_damaged_one_are_deleted) {
  write(0, ".log", joined(batches_from(0, 4)));
  Bytes damaged = joined(batches_from(8, 4));
  damaged[damaged.size() / 2] ^= std::byte{1};
  write(8, ".log", damaged);
  write(16, ".log", joined(batches_from(16, 4)));
  write(24, ".log", joined(batches_from(24, 4)));
  const auto log = load(request());
  EXPECT_EQ(log.log_end, Offset(12));
  EXPECT_EQ(log.segments.size(), 2u);
  EXPECT_EQ(log.deleted_segments, 2u);
  EXPECT_FALSE(test::exists(files(), path(16, ".log")));
  EXPECT_FALSE(test::exists(files(), path(24, ".index")));
}

TEST_F(LogRecoveryTest, a_lost_end_of_a_segment_takes_the_later_ones_with_it) {
  write(0, ".log", joined(batches_from(0, 3)));  // the fourth batch is lost, to the byte
  write(8, ".log", joined(batches_from(8, 4)));
  const auto log = load(request());
  EXPECT_EQ(log.log_end, Offset(6));
  EXPECT_EQ(log.segments.size(), 1u);
}

TEST_F(LogRecoveryTest, holes_of_compaction_are_kept) {
  auto asked = request();
  auto config = small_config();
  config->cleanup_compact = true;
  asked.config = config;
  write(0, ".log", joined(batches_from(0, 3)));
  write(8, ".log", joined(batches_from(10, 4)));
  const auto log = load(asked);
  EXPECT_EQ(log.log_end, Offset(18));
  EXPECT_EQ(log.segments.size(), 2u);
}

TEST_F(LogRecoveryTest, a_cut_is_no_hole_of_compaction) {
  auto asked = request();
  auto config = small_config();
  config->cleanup_compact = true;
  asked.config = config;
  Bytes damaged = joined(batches_from(0, 4));
  damaged.back() ^= std::byte{1};
  write(0, ".log", damaged);
  write(8, ".log", joined(batches_from(8, 4)));
  const auto log = load(asked);
  EXPECT_EQ(log.log_end, Offset(6));
  EXPECT_EQ(log.segments.size(), 1u);
  EXPECT_FALSE(test::exists(files(), path(8, ".log")));
}

TEST_F(LogRecoveryTest, offsets_that_go_backwards_are_cut) {
  Bytes bytes = joined(batches_from(0, 4));
  test::append_to(bytes, joined(batches_from(2, 2)));
  write(0, ".log", bytes);
  EXPECT_EQ(load(request()).log_end, Offset(8));
  clear();
  write(5, ".log", joined(batches_from(0, 4)));  // the name says 5
  EXPECT_EQ(load(request()).log_end, Offset(5));
}

TEST_F(LogRecoveryTest, overlapping_segments_end_the_log) {
  write(0, ".log", joined(batches_from(0, 6)));
  write(8, ".log", joined(batches_from(8, 4)));
  const auto log = load(request());
  EXPECT_EQ(log.log_end, Offset(12));
  EXPECT_EQ(log.segments.size(), 1u);
}

TEST_F(LogRecoveryTest, only_what_lies_beyond_the_recovery_point_is_read) {
  const auto batches = batches_from(0, 1000);
  write(0, ".log", joined(batches));
  load(request());  // builds the indexes
  const auto before = snapshot();
  const auto log = load(request(false, 1900));
  EXPECT_EQ(log.log_end, Offset(2000));
  EXPECT_EQ(log.recovery_point, Offset(1900));
  EXPECT_LT(log.recovered_bytes, 60 * batches[0].size());
  EXPECT_EQ(snapshot(), before);
  // With a torn tail as well, and with the zero tail of an index that was allocated ahead.
  Bytes torn = joined(batches);
  test::cut_tail(torn, 5);
  write(0, ".log", torn);
  Bytes index = read(0, ".index");
  index.resize(index.size() + 800);
  write(0, ".index", index);
  EXPECT_EQ(load(request(false, 1900)).log_end, Offset(1998));
  // A recovery point behind the end.
  EXPECT_EQ(load(request(false, 5000)).recovery_point, Offset(1998));
}

TEST_F(LogRecoveryTest, what_is_indexed_beyond_the_recovery_point_is_read) {
  const auto batches = batches_from(0, 1000);
  Bytes bytes = joined(batches);
  write(0, ".log", bytes);
  load(request());
  bytes[960 * batches[0].size() + 70] ^= std::byte{1};
  write(0, ".log", bytes);
  EXPECT_EQ(load(request(false, 1900)).log_end, Offset(1920));
}

TEST_F(LogRecoveryTest, an_index_that_lies_is_not_trusted) {
  const auto batches = batches_from(0, 300);
  write(0, ".log", joined(batches));
  load(request());
  const auto right = snapshot();
  const Bytes index = read(0, ".index");
  const Bytes times = read(0, ".timeindex");
  for (const auto* suffix : {".index", ".timeindex"}) {
    const Bytes& whole = std::string(suffix) == ".index" ? index : times;
    for (int kind = 0; kind < 6; ++kind) {
      Bytes bytes = whole;
      if (kind == 0) bytes.clear();
      if (kind == 1) test::cut_tail(bytes, 3);
      if (kind == 2) std::fill(bytes.begin(), bytes.end(), std::byte{0});
      if (kind == 3) std::fill(bytes.begin(), bytes.end(), std::byte{0xff});
      if (kind == 4) bytes.resize(bytes.size() + 1000);
      if (kind == 5) bytes[bytes.size() / 2] ^= std::byte{0x55};
      write(0, suffix, bytes);
      const auto log = load(request());
      ASSERT_EQ(log.log_end, Offset(600));
      ASSERT_EQ(snapshot(), right) << suffix << " " << kind;
    }
    ASSERT_TRUE(files().remove(path(0, suffix)).has_value());
    load(request());
    ASSERT_EQ(snapshot(), right);
  }
}

TEST_F(LogRecoveryTest, epochs_that_the_checkpoint_misses_come_from_the_batches) {
  Bytes bytes = stored_batch(0, {}, 1);
  test::append_to(bytes, stored_batch(1, {}, 4));
  test::append_to(bytes, stored_batch(2, {}, 4));
  write(0, ".log", bytes);
  auto asked = request();
  asked.epochs = {{LeaderEpoch(1), Offset(0)}, {LeaderEpoch(9), Offset(77)}};
  auto log = load(asked);
  // 9 begins behind the end of the log; it hides 4, as in Kafka.
  EXPECT_EQ(log.epochs.latest(), LeaderEpoch(1));
  asked.epochs = {{LeaderEpoch(1), Offset(0)}};
  log = load(asked);
  EXPECT_EQ(log.epochs.latest(), LeaderEpoch(4));
  EXPECT_EQ(log.epochs.epoch_at(Offset(1)), LeaderEpoch(4));
  EXPECT_TRUE(log.epochs_changed);
}

TEST_F(LogRecoveryTest, a_log_that_ends_below_its_start_begins_anew) {
  write(0, ".log", joined(batches_from(0, 4)));
  auto asked = request();
  asked.log_start = Offset(20);
  const auto log = load(asked);
  EXPECT_EQ(log.log_start, Offset(20));
  EXPECT_EQ(log.log_end, Offset(20));
  EXPECT_FALSE(test::exists(files(), path(0, ".log")));
  EXPECT_TRUE(test::exists(files(), path(20, ".log")));
}

TEST_F(LogRecoveryTest, offsets_of_the_checkpoints_are_clamped) {
  write(0, ".log", joined(batches_from(0, 4)));
  auto asked = request();
  asked.high_watermark = Offset(100);
  EXPECT_EQ(load(asked).high_watermark, Offset(8));
  asked.log_start = Offset(3);
  asked.high_watermark = Offset(1);
  const auto log = load(asked);
  EXPECT_EQ(log.high_watermark, Offset(3));
  EXPECT_EQ(log.recovery_point, Offset(3));
}

TEST_F(LogRecoveryTest, leftovers_go_and_strangers_stay) {
  write(0, ".log", joined(batches_from(0, 2)));
  write(0, ".log.deleted", {});
  write(4, ".index", {});
  write(4, ".timeindex", {});
  test::write_file(files(), folder_ + "/core", {});
  test::write_file(files(), folder_ + "/x.swp", {});
  test::write_file(files(), folder_ + "/0.log", {});
  load(request());
  EXPECT_FALSE(test::exists(files(), path(0, ".log.deleted")));
  EXPECT_FALSE(test::exists(files(), path(4, ".index")));
  EXPECT_FALSE(test::exists(files(), path(4, ".timeindex")));
  EXPECT_TRUE(test::exists(files(), folder_ + "/core"));
  EXPECT_TRUE(test::exists(files(), folder_ + "/x.swp"));
  EXPECT_TRUE(test::exists(files(), folder_ + "/0.log"));
}

TEST_F(LogRecoveryTest, a_directory_in_place_of_a_segment_is_an_error) {
  ASSERT_TRUE(files().create_directory(path(0, ".log")).has_value());
  EXPECT_FALSE(load_log(files(), request()).has_value());
}

TEST_F(LogRecoveryTest, swaps_are_completed_and_unfinished_ones_undone) {
  write(0, ".log", joined(batches_from(0, 2)));
  write(4, ".log", joined(batches_from(4, 2)));
  write(8, ".log", joined(batches_from(8, 2)));
  const Bytes merged = joined(batches_from(0, 4));
  write(0, ".log.swap", merged);
  write(0, ".index.swap", {});
  write(0, ".timeindex.swap", {});
  auto log = load(request());
  EXPECT_EQ(log.segments.size(), 2u);
  EXPECT_TRUE(read(0, ".log") == merged);
  EXPECT_FALSE(test::exists(files(), path(4, ".log")));
  EXPECT_EQ(log.log_end, Offset(12));
  // A split that was not finished: a .cleaned file is there.
  write(8, ".log.swap", joined(batches_from(8, 1)));
  write(8, ".log.cleaned", {});
  log = load(request());
  EXPECT_EQ(log.log_end, Offset(12));
  EXPECT_FALSE(test::exists(files(), path(8, ".log.swap")));
  EXPECT_FALSE(test::exists(files(), path(8, ".log.cleaned")));
}

TEST_F(LogRecoveryTest, a_log_of_an_old_format_is_refused_and_not_cut) {
  // A message of magic 1: offset, size, CRC-32, magic, attributes, timestamp, key and value null.
  Bytes message(34);
  store_be<std::int32_t>(message.data() + 8, 22);
  message[16] = std::byte{1};
  store_be<std::int32_t>(message.data() + 26, -1);
  store_be<std::int32_t>(message.data() + 30, -1);
  store_be<std::uint32_t>(message.data() + 12, 0xcc2f79d9);
  write(0, ".log", message);
  const auto loaded = load_log(files(), request());
  ASSERT_FALSE(loaded.has_value());
  EXPECT_EQ(loaded.error().code, ErrorCode::unsupported_for_message_format);
  EXPECT_EQ(read(0, ".log").size(), message.size());
}

TEST_F(LogRecoveryTest, a_tail_that_looks_like_an_old_message_but_is_too_short_for_one_is_cut) {
  for (int length = 1; length < 14; ++length) {
    clear();
    Bytes bytes = joined(batches_from(0, 5));
    Bytes tail(40);
    store_be<std::int32_t>(tail.data() + 8, length);
    tail[16] = std::byte{static_cast<unsigned char>(length % 2)};
    bytes.insert(bytes.end(), tail.begin(), tail.end());
    write(0, ".log", bytes);
    EXPECT_EQ(load(request()).log_end, Offset(10)) << length;
  }
}

TEST_F(LogRecoveryTest, the_real_end_counts_when_a_clean_stop_noted_none) {
  write(0, ".log", joined(batches_from(0, 5)));
  auto asked = request(true);
  asked.recovery_point.reset();
  EXPECT_EQ(load(asked).log_end, Offset(10));
  asked.recovery_point = Offset(0);  // impossible: the segment has bytes
  EXPECT_EQ(load(asked).log_end, Offset(10));
}

TEST_F(LogRecoveryTest, a_crash_at_each_step_of_a_recovery_changes_nothing_in_the_end) {
  std::map<std::string, std::string> expected;
  for (std::uint64_t step = 0; step < 40; ++step) {
    clear();
    write(0, ".log", joined(batches_from(0, 20)));
    Bytes torn = joined(batches_from(40, 20));
    test::cut_tail(torn, 30);
    write(40, ".log", torn);
    write(80, ".log", joined(batches_from(80, 5)));
    write(0, ".log.deleted", {});
    if (step > 0) {
      host_.node().crash_after_file_operations(step, CrashKind::kill);
      auto interrupted = load_log(host_.node().file_system(), request());
      interrupted = fail(ErrorCode::none, "");  // its files belong to the life that ends
      host_.restart();
    }
    load(request());
    if (step == 0) expected = snapshot();
    ASSERT_EQ(snapshot(), expected) << step;
  }
}

/// Damage that is found when it is read.
class DamageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    config_->segment_bytes = 100000;
    open();
    for (int i = 0; i < 40; ++i) {
      ASSERT_TRUE(host_.append(make_batch({.records = 2, .timestamp = 1000 + i})).has_value());
    }
    host_.stop();
  }
  void open() {
    const auto opened = host_.open(config_);
    ASSERT_TRUE(opened.has_value()) << opened.error().detail;
  }
  void damage(std::string_view suffix, const std::function<void(Bytes&)>& change) {
    const auto path = host_.segment_path(0, std::string(suffix));
    Bytes bytes = test::read_file(host_.files(), path);
    change(bytes);
    test::write_file(host_.files(), path, bytes);
  }
  Result<ReadResult> read(std::int64_t from) {
    return host_.wait(host_.log().read({Offset(from), Offset(80), 1 << 20, true}));
  }

  test::SimulatedHost host_;
  std::shared_ptr<config::TopicConfig> config_ = small_config();
  const std::size_t batch_bytes_ = make_batch({.records = 2}).size();
};

TEST_F(DamageTest, at_rest_is_named_and_not_served) {
  damage(".log", [&](Bytes& bytes) { bytes[10 * batch_bytes_ + 70] ^= std::byte{1}; });
  open();
  const auto before = read(0);
  ASSERT_TRUE(before.has_value()) << before.error().detail;
  EXPECT_EQ(before->size, 10 * batch_bytes_);  // what lies before it
  const auto at = read(20);
  ASSERT_FALSE(at.has_value());
  EXPECT_EQ(at.error().code, ErrorCode::corrupt_message);
  EXPECT_NE(at.error().detail.find("00000000000000000000.log"), std::string::npos);
  const auto place = "position " + std::to_string(10 * batch_bytes_) + ", offset 20:";
  EXPECT_NE(at.error().detail.find(place), std::string::npos) << at.error().detail;
  const auto behind = read(22);
  ASSERT_TRUE(behind.has_value());
  EXPECT_EQ(behind->size, 29 * batch_bytes_);
  EXPECT_FALSE(read(20).has_value());
  EXPECT_EQ(
      host_.wait(host_.log().offset_for_time(model::TimestampMs(1011), Offset(80))).error().code,
      ErrorCode::corrupt_message);
}

TEST_F(DamageTest, checked_bytes_are_not_checked_again) {
  open();
  ASSERT_TRUE(read(0).has_value());
  const auto reads = host_.disk().count(FileOperation::read);
  const auto again = read(0);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->size, 40 * batch_bytes_);
  EXPECT_LE(host_.disk().count(FileOperation::read) - reads, 4u);
}

TEST_F(DamageTest, of_a_tail_under_a_lying_clean_marker_is_cut) {
  damage(".log", [&](Bytes& bytes) { test::cut_tail(bytes, 7); });
  open();
  EXPECT_EQ(host_.log().log_end(), Offset(80));  // as the checkpoint says: nothing was read yet
  const auto read_end = read(76);
  EXPECT_EQ(host_.log().log_end(), Offset(78));
  ASSERT_TRUE(read_end.has_value()) << read_end.error().detail;
  const auto appended = host_.append(make_batch());
  ASSERT_TRUE(appended.has_value());
  EXPECT_EQ(appended->offsets.first, Offset(78));
}

TEST_F(DamageTest, of_a_tail_with_a_whole_frame_is_found_by_its_crc) {
  damage(".log", [&](Bytes& bytes) { bytes.back() ^= std::byte{1}; });
  open();
  EXPECT_FALSE(read(78).has_value());
  EXPECT_EQ(host_.log().log_end(), Offset(80));
  const auto appended = host_.append(make_batch());
  ASSERT_TRUE(appended.has_value());
  EXPECT_EQ(appended->offsets.first, Offset(80));
}

TEST_F(DamageTest, of_indexes_is_repaired) {
  const auto right = test::read_file(host_.files(), host_.segment_path(0, ".index"));
  ASSERT_FALSE(right.empty());
  for (int kind = 0; kind < 4; ++kind) {
    damage(".index", [&](Bytes& bytes) {
      bytes = right;
      if (kind == 0) std::fill(bytes.begin(), bytes.end(), std::byte{0});
      if (kind == 1) std::fill(bytes.begin(), bytes.end(), std::byte{0xff});
      if (kind == 2) store_be<std::uint32_t>(bytes.data() + bytes.size() - 4, 77);
    });
    if (kind == 3) {
      ASSERT_TRUE(host_.files().remove(host_.segment_path(0, ".index")).has_value());
    }
    open();
    for (std::int64_t offset = 0; offset < 80; offset += 9) {
      const auto found = read(offset);
      ASSERT_TRUE(found.has_value()) << found.error().detail;
      EXPECT_EQ(found->first, Offset(offset - offset % 2));
    }
    host_.stop();
    EXPECT_TRUE(test::read_file(host_.files(), host_.segment_path(0, ".index")) == right);
  }
}

TEST(EndOfOffsetsTest, an_append_beyond_the_last_offset_is_refused) {
  test::SimulatedHost host({.seed = 1});
  ASSERT_TRUE(host.open(small_config()).has_value());
  ASSERT_TRUE(host.append(make_batch()).has_value());
  host.crash(CrashKind::kill);
  for (const auto* suffix : {".log", ".index", ".timeindex"}) {
    ASSERT_TRUE(host.files().remove(host.segment_path(0, suffix)).has_value());
  }
  constexpr std::int64_t base = INT64_MAX - 2;
  test::write_file(host.files(), host.segment_path(base, ".log"),
                   stored_batch(base, {.records = 2, .timestamp = 1000}));
  ASSERT_TRUE(host.open(small_config()).has_value());
  ASSERT_EQ(host.log().log_end(), Offset(INT64_MAX));
  const auto appended = host.append(make_batch());
  ASSERT_FALSE(appended.has_value());
  EXPECT_EQ(appended.error().error.code, ErrorCode::kafka_storage_error);
  EXPECT_EQ(host.log().log_end(), Offset(INT64_MAX));
}

}  // namespace
}  // namespace gregor::storage
