// Notices of parked fetches: thresholds, races between reading and arming, partitions that go.
#include "broker/fetch_notice.h"

#include <gtest/gtest.h>

#include "storage/simulated_test_support.h"

namespace gregor::broker {
namespace {

TEST(FetchNoticesTest, FiresOnceWhenEnoughBytesCame) {
  std::vector<NoticeId> woken;
  FetchNotices notices([&](NoticeId notice) { woken.push_back(notice); });
  notices.arm(7, 100, {});
  notices.progress(7, 60);
  EXPECT_TRUE(woken.empty());
  notices.progress(7, 40);
  EXPECT_EQ(woken, std::vector<NoticeId>{7});
  notices.progress(7, 1000);
  EXPECT_EQ(woken.size(), 1U);
  EXPECT_EQ(notices.size(), 0U);
}

TEST(FetchNoticesTest, ADisarmedNoticeIsSilent) {
  std::vector<NoticeId> woken;
  FetchNotices notices([&](NoticeId notice) { woken.push_back(notice); });
  notices.arm(1, 1, {});
  notices.disarm(1);
  notices.disarm(1);
  notices.progress(1, 5);
  EXPECT_TRUE(woken.empty());
}

TEST(FetchNoticesTest, ManyNoticesDoNotMix) {
  std::vector<NoticeId> woken;
  FetchNotices notices([&](NoticeId notice) { woken.push_back(notice); });
  notices.arm(1, 10, {});
  notices.arm(2, 20, {});
  notices.progress(2, 19);
  notices.progress(1, 10);
  EXPECT_EQ(woken, std::vector<NoticeId>{1});
  notices.progress(2, 1);
  EXPECT_EQ(woken.back(), 2U);
}

TEST(FetchNoticesTest, ANoticeReplacesTheOneOfTheSameName) {
  std::vector<NoticeId> woken;
  FetchNotices notices([&](NoticeId notice) { woken.push_back(notice); });
  notices.arm(1, 10, {});
  notices.progress(1, 9);
  notices.arm(1, 10, {});
  EXPECT_EQ(notices.size(), 1U);
  notices.progress(1, 9);
  EXPECT_TRUE(woken.empty());
  notices.progress(1, 1);
  EXPECT_EQ(woken, std::vector<NoticeId>{1});
}

TEST(FetchNoticesTest, AReplacedNoticeWatchesItsPartitionsOnce) {
  storage::test::SimulatedHost host;
  const auto config = storage::test::small_config();
  auto dirs = storage::LogDirs::open(host.node().file_system(), {{"/data"}, 1, nullptr});
  ASSERT_TRUE(dirs.has_value());
  auto loaded = (*dirs)->create(host.partition(), model::Uuid::from_bits(1, 2), config);
  ASSERT_TRUE(loaded.has_value());
  auto partition = std::make_shared<Partition>(
      std::make_unique<storage::PartitionLog>(host.shard(), std::move(**loaded)),
      model::Uuid::from_bits(1, 2), config);
  int told = 0;
  partition->on_progress([&told](NoticeId, std::uint64_t) { ++told; });
  FetchNotices notices([](NoticeId) {});
  for (int i = 0; i < 3; ++i) notices.arm(1, 10, {{partition, model::Offset(0)}});
  partition->retire();
  EXPECT_EQ(told, 1);
}

TEST(ParkedFetchesTest, TheHomeShardIsInTheName) {
  const NoticeId notice = (std::uint64_t{3} << 48) | 99;
  EXPECT_EQ(ParkedFetches::home_of(notice), runtime::ShardId(3));
}

}  // namespace
}  // namespace gregor::broker
