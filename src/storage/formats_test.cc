// The small formats and values: names, index entries, tails, epochs, checkpoints, metadata.
#include <gtest/gtest.h>

#include "runtime/real/posix_file_system.h"
#include "storage/checkpoint_file.h"
#include "storage/file_names.h"
#include "storage/index_file.h"
#include "storage/index_writer.h"
#include "storage/leader_epoch_cache.h"
#include "storage/meta_properties.h"
#include "storage/partition_metadata.h"
#include "storage/segment_tail.h"
#include "storage/test_support.h"
#include "storage/verified_ranges.h"

namespace gregor::storage {
namespace {

using model::LeaderEpoch;
using model::Offset;
using model::PartitionIndex;
using model::TimestampMs;
using model::TopicPartition;
using test::hex;

TEST(FileNames, of_segments) {
  EXPECT_EQ(segment_file_name(Offset(42), names::log_suffix), "00000000000000000042.log");
  const auto name = parse_segment_file_name("00000000000000000042.timeindex");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->base, Offset(42));
  EXPECT_EQ(name->suffix, ".timeindex");
  for (const char* bad : {"42.log", "00000000000000000042", "0000000000000000004x.log",
                          "99999999999999999999.log", "000000000000000000042.log", ""}) {
    EXPECT_FALSE(parse_segment_file_name(bad)) << bad;
  }
}

TEST(FileNames, of_partition_folders) {
  const auto partition = parse_partition_folder("my-topic.x-12");
  ASSERT_TRUE(partition.has_value());
  EXPECT_EQ(*partition, (TopicPartition{"my-topic.x", PartitionIndex(12)}));
  for (const char* bad : {"foo", "foo-", "-0", "foo-99999999999", "foo-0.abc-delete", "a\nb-0",
                          "..-0", "foo-+1", "lost+found", ""}) {
    EXPECT_FALSE(parse_partition_folder(bad)) << bad;
  }
}

TEST(FileNames, of_deleted_folders_have_at_most_255_characters) {
  const std::string suffix(32, 'a');
  EXPECT_EQ(deleted_folder_name({"t", PartitionIndex(0)}, suffix), "t-0." + suffix + "-delete");
  const auto name = deleted_folder_name({std::string(249, 'x'), PartitionIndex(7)}, suffix);
  EXPECT_EQ(name.size(), 255u);
  EXPECT_TRUE(name.ends_with("-7." + suffix + "-delete"));
  EXPECT_TRUE(is_deleted_folder(name));
  EXPECT_FALSE(is_deleted_folder("my-delete"));
}

TEST(IndexEntries, have_kafkas_bytes) {
  EXPECT_EQ(hex(encode(OffsetEntry{Offset(119), 4200}, Offset(100))), "0000001300001068");
  EXPECT_EQ(hex(encode(OffsetEntry{Offset(150), 9000}, Offset(100))), "0000003200002328");
  EXPECT_EQ(hex(encode(TimeEntry{TimestampMs(1700000000123), Offset(119)}, Offset(100))),
            "0000018bcfe5687b00000013");
}

TEST(IndexView, finds_the_entry_below_at_every_size) {
  const test::TemporaryDirectory directory;
  runtime::real::PosixFileSystem files;
  for (const std::uint32_t count : {0U, 1U, 2U, 511U, 512U, 513U, 514U, 3000U}) {
    const auto file = *files.open(directory / std::to_string(count), runtime::OpenMode::create);
    std::vector<std::byte> bytes;
    for (std::uint32_t i = 0; i < count; ++i) {
      test::append_to(bytes, encode(OffsetEntry{Offset(10 + 3 * i), 100 * (i + 1)}, Offset(5)));
    }
    ASSERT_TRUE(bytes.empty() || file->write_at(0, bytes).has_value());
    const OffsetIndexView view{file, Offset(5), count};
    for (std::int64_t target = 5; target < 10 + 3 * std::int64_t{count} + 5; ++target) {
      const auto found = find_offset(view, Offset(target));
      ASSERT_TRUE(found.has_value());
      const std::int64_t index =
          target < 10 || count == 0 ? -1 : std::min<std::int64_t>((target - 10) / 3, count - 1);
      ASSERT_EQ(found->has_value(), index >= 0) << count << " " << target;
      ASSERT_TRUE(index < 0 || (*found)->offset == Offset(10 + 3 * index)) << count << target;
    }
  }
}

TEST(IndexView, an_entry_behind_the_last_offset_comes_out_below_the_base) {
  const test::TemporaryDirectory directory;
  runtime::real::PosixFileSystem files;
  const auto file = *files.open(directory / "index", runtime::OpenMode::create);
  const auto bytes = encode(OffsetEntry{Offset(395), 100}, Offset(0));
  ASSERT_TRUE(file->write_at(0, bytes).has_value());
  const Offset base(INT64_MAX - 95);
  const auto last = OffsetIndexView{file, base, 1}.last();
  ASSERT_TRUE(last.has_value() && last->has_value());
  EXPECT_LT((*last)->offset, base);
  EXPECT_EQ((*last)->position, 100U);
}

TEST(ReadValidPrefix, stops_at_the_zero_tail_and_at_garbage) {
  const test::TemporaryDirectory directory;
  runtime::real::PosixFileSystem files;
  const auto file = *files.open(directory / "index", runtime::OpenMode::create);
  std::vector<std::byte> bytes;
  for (std::uint32_t i = 1; i <= 3; ++i) {
    test::append_to(bytes, encode(OffsetEntry{Offset(i * 10), i * 100}, Offset(0)));
  }
  bytes.resize(1024);
  ASSERT_TRUE(file->write_at(0, bytes).has_value());
  EXPECT_EQ(read_valid_prefix(*file, Offset(0), 10000)->size(), 3u);
  EXPECT_EQ(read_valid_prefix(*file, Offset(0), 250)->size(), 2u);  // behind the end of the log
  store_be<std::uint32_t>(bytes.data() + 8, 5);                     // the second offset goes back
  ASSERT_TRUE(file->write_at(0, bytes).has_value());
  EXPECT_EQ(read_valid_prefix(*file, Offset(0), 10000)->size(), 1u);
}

TEST(SegmentTail, makes_index_entries_by_kafkas_rules) {
  SegmentTail tail = SegmentTail::empty(Offset(100));
  const auto first = tail.add({Offset(109), TimestampMs(50), 3000}, 4096);
  EXPECT_FALSE(first.offset || first.time);
  const auto second = tail.add({Offset(119), TimestampMs(70), 2000}, 4096);
  EXPECT_FALSE(second.offset || second.time);  // 3000 bytes since the last entry
  const auto third = tail.add({Offset(129), TimestampMs(60), 10}, 4096);
  ASSERT_TRUE(third.offset && third.time);
  EXPECT_EQ(*third.offset, (OffsetEntry{Offset(129), 5000}));
  EXPECT_EQ(*third.time, (TimeEntry{TimestampMs(70), Offset(119)}));  // the largest so far
  const auto fourth = tail.add({Offset(139), TimestampMs(65), 5000}, 4096);
  EXPECT_FALSE(fourth.offset);
  const auto fifth = tail.add({Offset(149), TimestampMs(70), 1}, 4096);
  ASSERT_TRUE(fifth.offset);
  EXPECT_FALSE(fifth.time);  // not above the last entry's
  EXPECT_EQ(tail.first_batch_timestamp, TimestampMs(50));
  EXPECT_FALSE(tail.close());
  const auto sixth = tail.add({Offset(159), TimestampMs(71), 1}, 4096);
  EXPECT_FALSE(sixth.offset);
  EXPECT_EQ(*tail.close(), (TimeEntry{TimestampMs(71), Offset(159)}));
  EXPECT_FALSE(tail.close());
  EXPECT_EQ(tail.offset_entries, 2u);
  EXPECT_EQ(tail.time_entries, 2u);
}

TEST(SegmentTail, records_without_timestamps_make_no_time_entry) {
  SegmentTail tail = SegmentTail::empty(Offset(0));
  tail.add({Offset(0), TimestampMs(-1), 5000}, 4096);
  const auto entries = tail.add({Offset(1), TimestampMs(-1), 5000}, 4096);
  EXPECT_TRUE(entries.offset);
  EXPECT_FALSE(entries.time);
  EXPECT_FALSE(tail.close());
}

std::vector<EpochStart> listed(const LeaderEpochCache& cache) {
  return {cache.entries().begin(), cache.entries().end()};
}
EpochStart at(std::int32_t epoch, std::int64_t start) {
  return {LeaderEpoch(epoch), Offset(start)};
}

TEST(LeaderEpochCache, assigns_and_drops_what_conflicts) {
  LeaderEpochCache cache;
  EXPECT_EQ(cache.latest(), LeaderEpoch(-1));
  EXPECT_TRUE(cache.assign(LeaderEpoch(0), Offset(0)));
  EXPECT_TRUE(cache.assign(LeaderEpoch(2), Offset(10)));
  EXPECT_FALSE(cache.assign(LeaderEpoch(2), Offset(10)));
  EXPECT_FALSE(cache.assign(LeaderEpoch(2), Offset(15)));  // the known start stays
  EXPECT_TRUE(cache.assign(LeaderEpoch(5), Offset(20)));
  EXPECT_EQ(listed(cache), (std::vector{at(0, 0), at(2, 10), at(5, 20)}));
  EXPECT_TRUE(cache.assign(LeaderEpoch(6), Offset(10)));  // 2 and 5 never wrote anything
  EXPECT_EQ(listed(cache), (std::vector{at(0, 0), at(6, 10)}));
  EXPECT_TRUE(cache.assign(LeaderEpoch(3), Offset(12)));
  EXPECT_EQ(listed(cache), (std::vector{at(0, 0), at(3, 12)}));
}

TEST(LeaderEpochCache, truncates_at_both_ends) {
  const std::vector all{at(0, 0), at(2, 10), at(5, 20)};
  LeaderEpochCache cache(all);
  EXPECT_FALSE(cache.truncate_end(Offset(21)));
  EXPECT_TRUE(cache.truncate_end(Offset(20)));
  EXPECT_EQ(listed(cache), (std::vector{at(0, 0), at(2, 10)}));
  cache = LeaderEpochCache(all);
  EXPECT_FALSE(cache.truncate_start(Offset(0)));
  EXPECT_TRUE(cache.truncate_start(Offset(15)));
  EXPECT_EQ(listed(cache), (std::vector{at(2, 15), at(5, 20)}));
  EXPECT_TRUE(cache.truncate_start(Offset(20)));
  EXPECT_EQ(listed(cache), (std::vector{at(5, 20)}));
  EXPECT_TRUE(cache.truncate_start(Offset(25)));
  EXPECT_EQ(listed(cache), (std::vector{at(5, 25)}));
  EXPECT_FALSE(cache.truncate_start(Offset(3)));
}

TEST(LeaderEpochCache, answers_where_an_epoch_ends) {
  const LeaderEpochCache cache(std::vector{at(2, 10), at(5, 20)});
  const Offset end(30);
  EXPECT_EQ(cache.end_of(LeaderEpoch(-1), end), at(-1, -1));
  EXPECT_EQ(cache.end_of(LeaderEpoch(-2), end), at(-2, 10));
  EXPECT_EQ(cache.end_of(LeaderEpoch(5), end), at(5, 30));
  EXPECT_EQ(cache.end_of(LeaderEpoch(6), end), at(-1, -1));
  EXPECT_EQ(cache.end_of(LeaderEpoch(1), end), at(1, 10));
  EXPECT_EQ(cache.end_of(LeaderEpoch(2), end), at(2, 20));
  EXPECT_EQ(cache.end_of(LeaderEpoch(4), end), at(2, 20));
  EXPECT_EQ(LeaderEpochCache().end_of(LeaderEpoch(0), end), at(-1, -1));
  EXPECT_EQ(cache.epoch_at(Offset(9)), LeaderEpoch(-1));
  EXPECT_EQ(cache.epoch_at(Offset(19)), LeaderEpoch(2));
  EXPECT_EQ(cache.epoch_at(Offset(20)), LeaderEpoch(5));
}

TEST(Checkpoints, of_offsets_are_read_back) {
  const OffsetsByPartition offsets{{{"a.b_c", PartitionIndex(3)}, Offset(17)},
                                   {{"z", PartitionIndex(0)}, Offset(INT64_MAX)}};
  const std::string text = format_offset_checkpoint(offsets);
  EXPECT_EQ(text, "0\n2\na.b_c 3 17\nz 0 9223372036854775807\n");
  EXPECT_EQ(parse_offset_checkpoint(text), offsets);
  EXPECT_EQ(format_offset_checkpoint({}), "0\n0\n");
}

TEST(Checkpoints, take_any_blanks_and_line_ends) {
  const OffsetsByPartition one{{{"t", PartitionIndex(1)}, Offset(2)}};
  EXPECT_EQ(parse_offset_checkpoint("0\r\n1\r\nt 1 2\r\n"), one);
  EXPECT_EQ(parse_offset_checkpoint("0\n1\nt\t 1   2"), one);
  EXPECT_EQ(parse_offset_checkpoint(""), OffsetsByPartition());
}

TEST(Checkpoints, that_are_malformed_are_refused) {
  for (const char* bad :
       {"0", "1\n0\n", "0\n-1\n", "0\nx\n", "0\n2\nt 0 1\n", "0\n0\nt 0 1\n", "0\n1\nt 0 -1\n",
        "0\n1\nt -1 1\n", "0\n1\nt 0\n", "0\n1\nt 0 1 2\n", "0\n2\nt 0 1\nt 0 2\n", "junk",
        "0\n99999999999\n", "\n\n", "0\n1\nt 0 99999999999999999999\n"}) {
    EXPECT_FALSE(parse_offset_checkpoint(bad).has_value()) << bad;
  }
  EXPECT_FALSE(parse_offset_checkpoint(std::string(10, '\0')).has_value());
  EXPECT_FALSE(parse_epoch_checkpoint("0\n1\n-1 5\n").has_value());
  EXPECT_FALSE(parse_epoch_checkpoint("0\n1\n1\n").has_value());
}

TEST(Checkpoints, of_epochs_are_read_back) {
  const std::vector epochs{at(0, 0), at(7, 50)};
  EXPECT_EQ(format_epoch_checkpoint(epochs), "0\n2\n0 0\n7 50\n");
  EXPECT_EQ(parse_epoch_checkpoint("0\n2\n0 0\n7 50\n"), epochs);
}

TEST(PartitionMetadata, is_read_back) {
  const auto id = *model::Uuid::parse("4NfLrYQwRLKtwSxe2X1LkA");
  const std::string text = format_partition_metadata(id);
  EXPECT_EQ(text, "version: 0\ntopic_id: 4NfLrYQwRLKtwSxe2X1LkA");
  EXPECT_EQ(parse_partition_metadata(text), id);
  EXPECT_EQ(parse_partition_metadata("version:5\r\ntopic_id:4NfLrYQwRLKtwSxe2X1LkA\n"), id);
  for (const char* bad : {"", "version: 0\n", "version: -1\ntopic_id: 4NfLrYQwRLKtwSxe2X1LkA",
                          "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA", "version: 0\ntopic_id: x",
                          "topic_id: 4NfLrYQwRLKtwSxe2X1LkA\nversion: 0"}) {
    EXPECT_FALSE(parse_partition_metadata(bad).has_value()) << bad;
  }
}

TEST(MetaProperties, reads_what_java_writes) {
  const auto meta = parse_meta_properties(
      "#\n#Sat Nov 21 07:02:07 UTC 2026\nbroker.id=7\nversion=0\ncluster.id=abc-DEF_123\n", "f");
  ASSERT_TRUE(meta.has_value());
  EXPECT_EQ(meta->broker_id, 7);
  EXPECT_EQ(meta->cluster_id, "abc-DEF_123");
  EXPECT_TRUE(meta->others.empty());
  const auto again = parse_meta_properties(format_meta_properties(*meta), "f");
  EXPECT_EQ(again->broker_id, 7);
  EXPECT_EQ(again->cluster_id, "abc-DEF_123");
}

TEST(MetaProperties, knows_javas_syntax) {
  using Map = std::map<std::string, std::string>;
  EXPECT_EQ(parse_properties("a=1\r\n  b : 2\n! c=3\nd 4\ne\n"),
            (Map{{"a", "1"}, {"b", "2"}, {"d", "4"}, {"e", ""}}));
  EXPECT_EQ(parse_properties("a\\=b=c\\:d\nlong=one \\\n   two\nu=\\u0041\\u00e4\\t\n"),
            (Map{{"a=b", "c:d"}, {"long", "one two"}, {"u", "A\xc3\xa4\t"}}));
  EXPECT_EQ(parse_properties("a=1\na=2"), (Map{{"a", "2"}}));
  EXPECT_EQ(parse_properties("x=\\"), (Map{{"x", ""}}));
  EXPECT_TRUE(parse_properties("").empty());
}

TEST(MetaProperties, of_kraft_and_of_unknown_versions_are_refused) {
  const auto kraft = parse_meta_properties("version=1\nnode.id=1\ncluster.id=x\n", "d/meta");
  ASSERT_FALSE(kraft.has_value());
  EXPECT_NE(kraft.error().detail.find("KRaft"), std::string::npos);
  EXPECT_NE(kraft.error().detail.find("d/meta"), std::string::npos);
  EXPECT_FALSE(parse_meta_properties("version=9\n", "f").has_value());
  EXPECT_FALSE(parse_meta_properties("broker.id=seven\n", "f").has_value());
}

TEST(MetaProperties, of_junk_are_empty_and_other_keys_are_kept) {
  const auto junk = parse_meta_properties(std::string_view("\x00\xff\x01 junk\n\x7f", 11), "f");
  ASSERT_TRUE(junk.has_value());
  EXPECT_FALSE(junk->broker_id || junk->cluster_id || !junk->others.empty());
  const auto meta = parse_meta_properties("broker.id=1\ndirectory.id=q=\n", "f");
  EXPECT_EQ(meta->others.at("directory.id"), "q=");
  EXPECT_NE(format_meta_properties(*meta).find("directory.id=q\\=\n"), std::string::npos);
}

TEST(VerifiedRanges, merges_and_forgets) {
  VerifiedRanges ranges;
  EXPECT_TRUE(ranges.covers(5, 5));
  EXPECT_FALSE(ranges.covers(0, 1));
  ranges.add(10, 20);
  ranges.add(30, 40);
  EXPECT_FALSE(ranges.covers(10, 40));
  ranges.add(20, 30);
  EXPECT_TRUE(ranges.covers(10, 40));
  EXPECT_FALSE(ranges.covers(9, 11));
  EXPECT_FALSE(ranges.covers(39, 41));
  ranges.add(0, 100);
  EXPECT_TRUE(ranges.covers(0, 100));
  ranges.truncate(50);
  EXPECT_TRUE(ranges.covers(0, 50));
  EXPECT_FALSE(ranges.covers(49, 51));
  for (std::uint64_t i = 0; i < 1000; ++i) ranges.add(100 + 10 * i, 101 + 10 * i);
  EXPECT_TRUE(ranges.covers(0, 50));
}

}  // namespace
}  // namespace gregor::storage
