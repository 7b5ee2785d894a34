// Segments that overlap, hold another's batches, or go backwards, behind what looks like a clean
// stop: nothing is walked at start then, so reading must find it, name it and go forward.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "storage/file_names.h"
#include "storage/index_file.h"
#include "storage/simulated_test_support.h"

namespace gregor::storage {
namespace {

using model::Offset;
using test::Bytes;
using test::stored_batch;

/// What a consumer gets that reads on, one offset further behind an error.
struct Reading {
  std::vector<std::int64_t> served;   ///< offsets, in order
  std::vector<std::int64_t> refused;  ///< offsets whose read failed
  std::vector<std::string> reasons;   ///< of these

  [[nodiscard]] bool names(const std::string& text) const {
    return std::ranges::all_of(
        reasons, [&](const auto& reason) { return reason.find(text) != std::string::npos; });
  }
};

std::vector<std::int64_t> offsets(std::int64_t first, std::int64_t end) {
  std::vector<std::int64_t> all;
  for (std::int64_t i = first; i < end; ++i) all.push_back(i);
  return all;
}

/// Offsets 0 to 23 in segments from 0, 8 and 16, batches of two records. The parameter is how many
/// bytes a read may take.
class MisplacedBatchesTest : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  MisplacedBatchesTest() {
    EXPECT_TRUE(host_.open(test::small_config()).has_value());
    for (int i = 0; i < 12; ++i) EXPECT_TRUE(host_.append(test::make_batch({.records = 2})));
    host_.log().set_high_watermark(Offset(24));
    host_.stop();
    const auto entries = host_.files().list(host_.log_folder());
    for (const auto& entry : *entries) {
      if (!parse_segment_file_name(entry.name)) continue;
      EXPECT_TRUE(host_.files().remove(join_path(host_.log_folder(), entry.name)).has_value());
    }
    for (const std::int64_t base : {0, 8, 16}) {
      put(base, {base, base + 2, base + 4, base + 6});
    }
  }

  /// A segment of batches of two records that say they begin at these offsets.
  void put(std::int64_t segment, const std::vector<std::int64_t>& bases) {
    Bytes bytes;
    for (const auto base : bases) {
      test::append_to(bytes, stored_batch(base, {.records = 2, .timestamp = 1000 + base % 1000}));
    }
    test::write_file(host_.files(), host_.segment_path(segment, ".log"), bytes);
  }

  static std::size_t batch_bytes() { return stored_batch(0, {.records = 2}).size(); }

  Reading read_through() {
    EXPECT_TRUE(host_.open(test::small_config()).has_value());
    EXPECT_EQ(host_.log().log_end(), Offset(24));
    Reading reading;
    Offset from(0);
    for (int reads = 0; from < Offset(24) && reads < 100; ++reads) {
      const Offset before = from;
      auto read = host_.wait(host_.log().read({from, Offset(24), GetParam(), true}));
      if (!read) {
        EXPECT_EQ(read.error().code, ErrorCode::corrupt_message);
        reading.refused.push_back(from.value());
        reading.reasons.push_back(read.error().detail);
        ++from;
        continue;
      }
      from = take(*read, from, reading.served);
      EXPECT_LT(before, from) << "a read that goes not forward, at " << before.value();
      if (from <= before) break;
    }
    return reading;
  }

  /// Notes the offsets that a read from `from` gives. @return where to go on
  static Offset take(const ReadResult& read, Offset from, std::vector<std::int64_t>& served) {
    Bytes bytes;
    for (const auto& slice : read.slices) {
      Bytes part(slice.size);
      EXPECT_TRUE(slice.file->read_at(slice.position, part).has_value());
      test::append_to(bytes, part);
    }
    model::BatchCursor cursor(bytes);
    for (auto batch = cursor.next(); batch && *batch; batch = cursor.next()) {
      for (Offset at = (*batch)->base_offset(); at < (*batch)->next_offset(); ++at) {
        if (at >= from) served.push_back(at.value());
      }
      from = (*batch)->next_offset();
    }
    return from;
  }

  test::SimulatedHost host_;
};

INSTANTIATE_TEST_SUITE_P(BytesMax, MisplacedBatchesTest, ::testing::Values(1, 200, 1 << 20));

TEST_P(MisplacedBatchesTest, none) {
  const Reading reading = read_through();
  EXPECT_EQ(reading.served, offsets(0, 24));
  EXPECT_TRUE(reading.refused.empty());
}

TEST_P(MisplacedBatchesTest, a_segment_goes_on_into_its_neighbour) {
  put(0, {0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26});
  const Reading reading = read_through();
  EXPECT_EQ(reading.served, offsets(0, 24));
  EXPECT_TRUE(reading.refused.empty());
  const auto found = host_.wait(host_.log().offset_for_time(model::TimestampMs(1010), Offset(24)));
  ASSERT_TRUE(found.has_value()) << found.error().detail;
  EXPECT_EQ(found->offset, Offset(10));
}

TEST_P(MisplacedBatchesTest, the_last_batch_reaches_into_the_neighbour) {
  put(0, {0, 2, 4, 7});
  const Reading reading = read_through();
  auto rest = offsets(0, 6);
  const auto behind = offsets(8, 24);
  rest.insert(rest.end(), behind.begin(), behind.end());
  EXPECT_EQ(reading.served, rest);
  EXPECT_EQ(reading.refused, offsets(6, 8));
  EXPECT_TRUE(reading.names(host_.segment_path(0, ".log")));
  EXPECT_TRUE(reading.names("position " + std::to_string(3 * batch_bytes()) + ","));
  EXPECT_TRUE(reading.names("offset 6:")) << reading.reasons.front();
}

TEST_P(MisplacedBatchesTest, a_segment_holds_the_batches_of_another) {
  put(8, {0, 2, 4, 6});
  const Reading reading = read_through();
  auto rest = offsets(0, 8);
  const auto behind = offsets(16, 24);
  rest.insert(rest.end(), behind.begin(), behind.end());
  EXPECT_EQ(reading.served, rest);
  EXPECT_EQ(reading.refused, offsets(8, 16));
  EXPECT_TRUE(reading.names(host_.segment_path(8, ".log")));
  EXPECT_TRUE(reading.names("position 0,"));
}

TEST_P(MisplacedBatchesTest, a_batch_twice_hides_nothing) {
  put(8, {8, 10, 8, 12, 14});
  const Reading reading = read_through();
  EXPECT_EQ(reading.served, offsets(0, 24));
  EXPECT_TRUE(reading.refused.empty());
}

TEST_P(MisplacedBatchesTest, a_batch_whose_offset_was_lost_is_refused) {
  for (const std::int64_t wrong : {0L, 9L, 11L, 14L, 15L, 20L, 1L << 30, 1L << 40}) {
    put(8, {8, 10, wrong, 14});
    const Reading reading = read_through();
    auto rest = offsets(0, 12);
    const auto behind = offsets(14, 24);
    rest.insert(rest.end(), behind.begin(), behind.end());
    EXPECT_EQ(reading.served, rest) << wrong;
    EXPECT_EQ(reading.refused, offsets(12, 14)) << wrong;
    EXPECT_TRUE(reading.names("position " + std::to_string(2 * batch_bytes()) + ", offset 12:"));
    const auto latest =
        host_.wait(host_.log().offset_for_time(model::TimestampMs(1020), Offset(24)));
    ASSERT_TRUE(latest.has_value());
    EXPECT_EQ(latest->offset, Offset(20));
    host_.stop();
  }
}

TEST_P(MisplacedBatchesTest, the_end_of_the_log_is_too_far_for_an_index) {
  for (const std::int64_t wrong : {20L + (1L << 31), 1L << 40, INT64_MAX - 2}) {
    for (const std::int64_t behind : {22L, wrong + 2}) {
      put(16, {16, 18, wrong, behind});
      test::write_file(host_.files(), host_.segment_path(16, ".index"), {});
      ASSERT_TRUE(host_.open(test::small_config()).has_value());
      const auto read = host_.wait(host_.log().read({Offset(16), Offset(24), 1 << 20, true}));
      ASSERT_TRUE(read.has_value()) << read.error().detail;
      EXPECT_EQ(read->size, 2 * batch_bytes());
      EXPECT_EQ(host_.log().log_end(), Offset(20)) << wrong;
      EXPECT_TRUE(host_.append(test::make_batch({.records = 2})));
      host_.stop();
    }
  }
}

TEST_P(MisplacedBatchesTest, an_index_that_leads_too_far_leaves_nothing_out) {
  Bytes index;
  for (const auto& [offset, batch] : {std::pair{9, 2U}, {11, 3U}}) {
    const auto entry = encode(
        OffsetEntry{Offset(offset), static_cast<std::uint32_t>(batch * batch_bytes())}, Offset(8));
    index.insert(index.end(), entry.begin(), entry.end());
  }
  test::write_file(host_.files(), host_.segment_path(8, ".index"), index);
  test::write_file(host_.files(), host_.segment_path(8, ".timeindex"), {});
  const Reading reading = read_through();
  EXPECT_EQ(reading.served, offsets(0, 24));
  // Nor is anything behind the end shown.
  const auto read = host_.wait(host_.log().read({Offset(8), Offset(10), 1 << 20, true}));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->size, batch_bytes());
}

}  // namespace
}  // namespace gregor::storage
