// The scrub of a segment: what it finds, and what readers of damaged segments get.
#include "storage/segment_scrub.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "storage/simulated_test_support.h"

namespace gregor::storage {
namespace {

using model::Offset;
using runtime::simulated::FileOperation;
using test::Bytes;
using test::make_batch;

class SegmentScrubTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(host_.open(test::small_config()).has_value());
    while (host_.log().segment_count() < 3) {
      ASSERT_TRUE(host_.append(make_batch({.records = 2, .value_bytes = 100})).has_value());
    }
  }
  [[nodiscard]] std::string path(const std::string& suffix) const {
    return host_.segment_path(0, suffix);
  }
  void flip(std::uint64_t position) {
    Bytes bytes = test::read_file(host_.files(), path(".log"));
    bytes.at(position) ^= std::byte{0x40};
    test::write_file(host_.files(), path(".log"), bytes);
  }
  SegmentScrub open() {
    auto scrub = SegmentScrub::open(host_.files(), {host_.log_folder(), Offset(0)});
    EXPECT_TRUE(scrub.has_value());
    return std::move(*scrub);
  }
  std::vector<ScrubFinding> scrub(std::uint64_t step_bytes = 1 << 20) {
    SegmentScrub scrub = open();
    std::vector<ScrubFinding> findings;
    std::uint64_t bytes = 0;
    for (;;) {
      auto step = scrub.step(step_bytes);
      bytes += step.bytes;
      findings.insert(findings.end(), step.findings.begin(), step.findings.end());
      if (step.is_done) break;
    }
    EXPECT_EQ(bytes, host_.files().stat(path(".log"))->size);
    return findings;
  }

  test::SimulatedHost host_;
};

std::uint64_t batch_bytes() { return make_batch({.records = 2, .value_bytes = 100}).size(); }

TEST_F(SegmentScrubTest, a_sound_segment_has_no_findings_in_steps_of_any_size) {
  for (const std::uint64_t step : {1, 100, 1000, 1 << 20}) EXPECT_TRUE(scrub(step).empty());
}

TEST_F(SegmentScrubTest, each_damaged_batch_is_found_and_named) {
  flip(batch_bytes() + 100);
  flip(3 * batch_bytes() + 100);
  const auto findings = scrub();
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0].position, batch_bytes());
  EXPECT_EQ(findings[0].offset, Offset(2));
  EXPECT_FALSE(findings[0].is_unreadable);
  EXPECT_EQ(findings[0].text.find(path(".log") + ": no sound batch at position " +
                                  std::to_string(batch_bytes()) + ", offset 2: CRC"),
            0u)
      << findings[0].text;
  EXPECT_EQ(findings[1].position, 3 * batch_bytes());
  EXPECT_EQ(findings[1].offset, Offset(6));
}

TEST_F(SegmentScrubTest, behind_a_header_that_is_none_the_index_leads_on) {
  flip(batch_bytes() + 8);  // the size
  flip(3 * batch_bytes() + 100);
  const auto findings = scrub();
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0].position, batch_bytes());
  EXPECT_EQ(findings[1].position, 3 * batch_bytes());
}

TEST_F(SegmentScrubTest, batches_that_lie_in_the_wrong_order_are_damage) {
  Bytes bytes = test::read_file(host_.files(), path(".log"));
  const Bytes first(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(batch_bytes()));
  std::copy(first.begin(), first.end(), bytes.begin() + static_cast<std::ptrdiff_t>(batch_bytes()));
  test::write_file(host_.files(), path(".log"), bytes);
  const auto findings = scrub();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].position, batch_bytes());
}

TEST_F(SegmentScrubTest, what_the_disk_can_not_read_is_told_and_passed_over) {
  auto scrub = SegmentScrub::open(host_.node().file_system(), {host_.log_folder(), Offset(0)});
  ASSERT_TRUE(scrub.has_value());
  host_.disk().fail_nth(FileOperation::read, 1, EIO);
  const auto step = scrub->step(1 << 20);
  ASSERT_EQ(step.findings.size(), 1u);
  EXPECT_TRUE(step.findings[0].is_unreadable);
  EXPECT_TRUE(scrub->step(1 << 20).findings.empty());
  EXPECT_FALSE(host_.dirs_health().has_failed());
}

TEST_F(SegmentScrubTest, a_segment_that_is_gone_is_an_error) {
  const auto scrub = SegmentScrub::open(host_.files(), {host_.log_folder(), Offset(99999)});
  ASSERT_FALSE(scrub.has_value());
  EXPECT_EQ(scrub.error().os_error, ENOENT);
}

TEST_F(SegmentScrubTest, damage_in_what_this_process_wrote_is_refused_once_it_is_found) {
  flip(batch_bytes() + 100);
  const Offset end = host_.log().log_end();
  // It wrote this itself, and does not look again.
  EXPECT_TRUE(host_.wait(host_.log().read({Offset(2), end, 1, true})).has_value());
  ASSERT_EQ(host_.log().closed_segments().size(), 2u);
  for (const auto& finding : scrub()) {
    host_.log().forget_verified(host_.log().closed_segments().front(), finding.position);
  }
  const auto refused = host_.wait(host_.log().read({Offset(2), end, 1, true}));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::corrupt_message);
  for (const std::int64_t sound : {0, 4, 6}) {
    const auto found = host_.wait(host_.log().read({Offset(sound), end, 1, true}));
    ASSERT_TRUE(found.has_value()) << found.error().detail;
    EXPECT_EQ(found->first, Offset(sound));
  }
  EXPECT_TRUE(host_.append(make_batch()).has_value());
}

}  // namespace
}  // namespace gregor::storage
