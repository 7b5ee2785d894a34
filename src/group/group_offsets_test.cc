// GroupOffsets: the rules one by one, and random histories against a naive model.
#include "group/group_offsets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace gregor::group {
namespace {

using model::Offset;
using model::PartitionIndex;
using model::TimestampMs;
using model::TopicPartition;

constexpr std::int64_t retention = 1000;

CommittedOffset committed(std::int64_t offset, std::int64_t time = 0) {
  CommittedOffset value;
  value.offset = Offset(offset);
  value.commit_time = TimestampMs(time);
  return value;
}

TopicPartition place(const char* topic, int partition) {
  return {topic, PartitionIndex(partition)};
}

GroupOffsets with(std::vector<std::pair<TopicPartition, std::int64_t>> times) {
  GroupOffsets offsets;
  std::int64_t at = 0;
  for (const auto& [partition, time] : times)
    offsets.load(partition.topic, partition.partition, committed(1, time), Offset(at++));
  return offsets;
}

TEST(GroupOffsets, a_commit_is_seen_once_it_is_durable) {
  GroupOffsets offsets;
  offsets.begin("a", PartitionIndex(0));
  EXPECT_EQ(offsets.find("a", PartitionIndex(0)), nullptr);
  EXPECT_TRUE(offsets.is_empty());
  EXPECT_FALSE(offsets.is_unused());
  offsets.commit("a", PartitionIndex(0), committed(5), Offset(0));
  ASSERT_NE(offsets.find("a", PartitionIndex(0)), nullptr);
  EXPECT_EQ(offsets.find("a", PartitionIndex(0))->offset, Offset(5));
  EXPECT_EQ(offsets.count(), 1U);
}

TEST(GroupOffsets, a_failed_commit_changes_nothing) {
  GroupOffsets offsets;
  offsets.begin("a", PartitionIndex(0));
  offsets.cancel("a", PartitionIndex(0));
  EXPECT_TRUE(offsets.is_unused());
  offsets.load("a", PartitionIndex(0), committed(5), Offset(0));
  offsets.begin("a", PartitionIndex(0));
  offsets.cancel("a", PartitionIndex(0));
  EXPECT_EQ(offsets.find("a", PartitionIndex(0))->offset, Offset(5));
}

TEST(GroupOffsets, the_later_record_wins) {
  GroupOffsets offsets;
  offsets.begin("a", PartitionIndex(0));
  offsets.begin("a", PartitionIndex(0));
  offsets.commit("a", PartitionIndex(0), committed(2), Offset(11));
  offsets.commit("a", PartitionIndex(0), committed(1), Offset(10));
  EXPECT_EQ(offsets.find("a", PartitionIndex(0))->offset, Offset(2));
  // Also if it is a removal.
  offsets.begin("a", PartitionIndex(0));
  offsets.begin("a", PartitionIndex(0));
  offsets.commit("a", PartitionIndex(0), std::nullopt, Offset(13));
  offsets.commit("a", PartitionIndex(0), committed(3), Offset(12));
  EXPECT_EQ(offsets.find("a", PartitionIndex(0)), nullptr);
  EXPECT_TRUE(offsets.is_unused());
}

TEST(GroupOffsets, of_an_empty_group_expire_together) {
  const GroupOffsets offsets = with({{place("a", 0), 0}, {place("b", 0), 900}});
  ExpiryFacts facts;
  facts.has_protocol_type = true;
  facts.state_since = TimestampMs(500);
  EXPECT_TRUE(offsets.expired(facts, TimestampMs(1499), retention).empty());
  EXPECT_EQ(offsets.expired(facts, TimestampMs(1500), retention).size(), 2U);
  // Stored by an old release, which did not say since when: each from its commit.
  facts.state_since.reset();
  EXPECT_EQ(offsets.expired(facts, TimestampMs(1500), retention), std::vector{place("a", 0)});
}

TEST(GroupOffsets, of_a_stable_group_expire_where_nobody_subscribes) {
  const GroupOffsets offsets = with({{place("a", 0), 0}, {place("b", 0), 0}, {place("c", 0), 600}});
  ExpiryFacts facts;
  facts.has_protocol_type = true;
  facts.is_empty = false;
  facts.is_stable = true;
  facts.subscribed.emplace().insert("a");
  EXPECT_EQ(offsets.expired(facts, TimestampMs(1500), retention), std::vector{place("b", 0)});
  facts.is_stable = false;
  EXPECT_TRUE(offsets.expired(facts, TimestampMs(1500), retention).empty());
  facts.is_stable = true;
  facts.subscribed.reset();
  EXPECT_TRUE(offsets.expired(facts, TimestampMs(99999), retention).empty());
}

TEST(GroupOffsets, without_a_protocol_expire_one_by_one) {
  const GroupOffsets offsets = with({{place("a", 0), 0}, {place("a", 1), 400}});
  const ExpiryFacts facts;
  EXPECT_EQ(offsets.expired(facts, TimestampMs(1000), retention), std::vector{place("a", 0)});
  EXPECT_EQ(offsets.expired(facts, TimestampMs(1400), retention).size(), 2U);
}

TEST(GroupOffsets, an_expire_time_of_its_own_counts_instead) {
  GroupOffsets offsets;
  CommittedOffset value = committed(1, 0);
  value.expire_time = TimestampMs(5000);
  offsets.load("a", PartitionIndex(0), value, Offset(0));
  EXPECT_TRUE(offsets.expired({}, TimestampMs(4999), retention).empty());
  EXPECT_EQ(offsets.expired({}, TimestampMs(5000), retention).size(), 1U);
}

TEST(GroupOffsets, nothing_expires_that_is_being_committed) {
  GroupOffsets offsets = with({{place("a", 0), 0}});
  offsets.begin("a", PartitionIndex(0));
  EXPECT_TRUE(offsets.expired({}, TimestampMs(9999), retention).empty());
  offsets.cancel("a", PartitionIndex(0));
  EXPECT_EQ(offsets.expired({}, TimestampMs(9999), retention).size(), 1U);
}

// The model: the log itself, in which everything that was appended lies; what is known is the last
// durable record of each partition.
class Model {
 public:
  explicit Model(std::uint64_t seed) : random_(seed) {}

  void step() {
    switch (below(5)) {
      case 0:
      case 1:
        return append();
      case 2:
        return end_one(true);
      case 3:
        return end_one(false);
      default:
        return check_expiry();
    }
  }

  void check() const {
    std::size_t count = 0;
    for (int p = 0; p < partitions; ++p) {
      const auto last = last_durable(p);
      const CommittedOffset* found = offsets_.find("t", PartitionIndex(p));
      ASSERT_EQ(found != nullptr, last && last->value) << p;
      if (found != nullptr) {
        EXPECT_EQ(*found, *last->value);
      }
      count += found != nullptr ? 1 : 0;
    }
    EXPECT_EQ(offsets_.count(), count);
    EXPECT_EQ(offsets_.is_empty(), count == 0);
    EXPECT_EQ(offsets_.partitions().size(), count);
    const bool is_pending = std::any_of(
        log_.begin(), log_.end(), [](const Entry& e) { return e.state == Entry::State::pending; });
    EXPECT_EQ(offsets_.is_unused(), count == 0 && !is_pending);
  }

 private:
  static constexpr int partitions = 3;
  struct Entry {
    enum class State { pending, durable, failed };
    int partition = 0;
    std::optional<CommittedOffset> value;
    std::int64_t at = 0;
    State state = State::pending;
  };

  std::uint64_t below(std::uint64_t end) { return random_() % end; }

  void append() {
    Entry entry;
    entry.partition = static_cast<int>(below(partitions));
    entry.at = static_cast<std::int64_t>(log_.size());
    if (below(4) != 0)
      entry.value =
          committed(static_cast<std::int64_t>(below(1000)), static_cast<std::int64_t>(below(3000)));
    offsets_.begin("t", PartitionIndex(entry.partition));
    log_.push_back(entry);
  }

  void end_one(bool is_durable) {
    std::vector<Entry*> pending;
    for (Entry& entry : log_) {
      if (entry.state == Entry::State::pending) pending.push_back(&entry);
    }
    if (pending.empty()) return;
    Entry& entry = *pending[below(pending.size())];
    entry.state = is_durable ? Entry::State::durable : Entry::State::failed;
    if (is_durable) {
      offsets_.commit("t", PartitionIndex(entry.partition), entry.value, Offset(entry.at));
    } else {
      offsets_.cancel("t", PartitionIndex(entry.partition));
    }
  }

  [[nodiscard]] std::optional<Entry> last_durable(int partition) const {
    std::optional<Entry> last;
    for (const Entry& entry : log_) {
      if (entry.partition == partition && entry.state == Entry::State::durable) last = entry;
    }
    return last;
  }

  void check_expiry() {
    const auto now = static_cast<std::int64_t>(below(4000));
    std::vector<TopicPartition> expected;
    for (int p = 0; p < partitions; ++p) {
      const auto last = last_durable(p);
      const bool is_pending = std::any_of(log_.begin(), log_.end(), [p](const Entry& e) {
        return e.partition == p && e.state == Entry::State::pending;
      });
      if (last && last->value && !is_pending && now - last->value->commit_time.value() >= retention)
        expected.push_back(place("t", p));
    }
    EXPECT_EQ(offsets_.expired({}, TimestampMs(now), retention), expected);
  }

  GroupOffsets offsets_;
  std::vector<Entry> log_;
  std::mt19937_64 random_;
};

TEST(GroupOffsets, random_histories_agree_with_a_naive_model) {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    SCOPED_TRACE(seed);
    Model model(seed);
    for (int i = 0; i < 60; ++i) {
      model.step();
      model.check();
      if (testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace gregor::group
