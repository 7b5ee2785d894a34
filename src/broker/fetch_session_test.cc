// Fetch sessions: what an answer carries, epochs, limits, who makes room for whom; and a model that
// simply keeps everything.
#include "broker/fetch_session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <random>

namespace gregor::broker {
namespace {

using namespace std::chrono_literals;
using runtime::Instant;

const Instant start{1h};

model::Uuid uuid(std::uint64_t number) { return model::Uuid::from_bits(7, number); }

std::string no_names(const model::Uuid&) { return ""; }

FetchList list_of(const std::vector<std::pair<std::string_view, FetchWish>>& wishes) {
  FetchList list;
  for (const auto& [topic, wish] : wishes) {
    if (list.topics.empty() || list.topics.back().name != topic) list.topics.push_back({topic, {}});
    list.partitions.push_back({static_cast<std::uint32_t>(list.topics.size() - 1), wish});
  }
  return list;
}

FetchWish wish(std::int32_t index, std::int64_t offset = 0) {
  return {index, offset, 1000, -1, -1};
}
FetchNews at(std::int64_t high_watermark) {
  return {ErrorCode::none, high_watermark, 0, false, false};
}
FetchNews with_records(std::int64_t high_watermark) {
  return {ErrorCode::none, high_watermark, 0, true, false};
}
FetchNews failed() { return {ErrorCode::unknown_topic_or_partition, -1, -1, false, false}; }

std::vector<std::int32_t> indices(const FetchList& list) {
  std::vector<std::int32_t> all;
  for (const auto& partition : list.partitions) all.push_back(partition.wish.index);
  return all;
}

FetchSessions sessions_of(std::size_t slots, std::size_t partitions = 1000) {
  return FetchSessions({slots, partitions, 0, 1});
}

/// One shard's sessions and a clock.
class FetchSessionsTest : public ::testing::Test {
 protected:
  std::int32_t create(std::int32_t partitions, bool is_follower = false) {
    std::vector<std::pair<std::string_view, FetchWish>> wishes;
    for (std::int32_t i = 0; i < partitions; ++i) wishes.emplace_back("t", wish(i));
    const std::vector<FetchNews> news(wishes.size(), at(0));
    return sessions.create({is_follower, false, next_random++}, list_of(wishes), news, now);
  }
  FetchSessions::Opened open(std::int32_t id, std::int32_t epoch, const FetchList& listed = {},
                             const std::vector<ForgottenPartition>& forgotten = {}) {
    return sessions.open({id, epoch, false}, listed, forgotten, no_names, now);
  }
  std::vector<bool> fetch(std::int32_t id, std::int32_t epoch, const std::vector<FetchNews>& news,
                          const FetchList& listed = {},
                          const std::vector<ForgottenPartition>& forgotten = {}) {
    const auto opened = open(id, epoch, listed, forgotten);
    EXPECT_EQ(opened.error, ErrorCode::none);
    EXPECT_EQ(opened.list.partitions.size(), news.size());
    auto told = sessions.tell(id, opened.epoch, news);
    EXPECT_EQ(told.error, ErrorCode::none);
    return told.answered;
  }

  FetchSessions sessions = sessions_of(4);
  Instant now = start;
  std::uint64_t next_random = 100;
};

using Answered = std::vector<bool>;

TEST_F(FetchSessionsTest, AnAnswerCarriesOnlyWhatIsNew) {
  const std::int32_t id = create(2);
  ASSERT_GT(id, 0);
  EXPECT_EQ(fetch(id, 1, {at(0), at(0)}), Answered({false, false}));
  EXPECT_EQ(fetch(id, 2, {at(0), at(5)}), Answered({false, true})) << "high watermark";
  EXPECT_EQ(fetch(id, 3, {at(0), at(5)}), Answered({false, false}));
  FetchNews cut = at(5);
  cut.log_start = 3;
  EXPECT_EQ(fetch(id, 4, {at(0), cut}), Answered({false, true})) << "log start";
  EXPECT_EQ(fetch(id, 5, {at(0), cut}), Answered({false, false}));
  FetchNews diverging = at(0);
  diverging.is_diverging = true;
  EXPECT_EQ(fetch(id, 6, {diverging, cut}), Answered({true, false}));
}

TEST_F(FetchSessionsTest, AnErrorIsToldEveryTimeAndSoIsItsEnd) {
  const std::int32_t id = create(1);
  EXPECT_EQ(fetch(id, 1, {failed()}), Answered({true}));
  EXPECT_EQ(fetch(id, 2, {failed()}), Answered({true}));
  EXPECT_EQ(fetch(id, 3, {at(0)}), Answered({true}));
  EXPECT_EQ(fetch(id, 4, {at(0)}), Answered({false}));
}

TEST_F(FetchSessionsTest, AFullAnswerThatFailedIsToldAgainOnceItIsWell) {
  const std::int32_t id =
      sessions.create({false, false, 1}, list_of({{"t", wish(0)}}), std::vector{failed()}, now);
  EXPECT_EQ(fetch(id, 1, {at(0)}), Answered({true}));
}

TEST_F(FetchSessionsTest, WhatIsAddedIsToldOnceEvenIfItIsEmpty) {
  const std::int32_t id = create(1);
  EXPECT_EQ(fetch(id, 1, {at(0), at(0)}, list_of({{"u", wish(7)}})), Answered({false, true}));
  EXPECT_EQ(fetch(id, 2, {at(0), at(0)}), Answered({false, false}));
}

TEST_F(FetchSessionsTest, ListedPartitionsAreChangedInTheirPlace) {
  const std::int32_t id = create(3);
  const auto opened = open(id, 1, list_of({{"t", wish(1, 50)}}));
  EXPECT_EQ(indices(opened.list), (std::vector<std::int32_t>{0, 1, 2}));
  EXPECT_EQ(opened.list.partitions[1].wish.offset, 50);
  EXPECT_EQ(opened.list.topics.size(), 1u);
}

TEST_F(FetchSessionsTest, WhatWasServedGoesToTheEnd) {
  const std::int32_t id = create(4);
  fetch(id, 1, {with_records(1), at(0), with_records(1), at(0)});
  EXPECT_EQ(indices(open(id, 2).list), (std::vector<std::int32_t>{1, 3, 0, 2}));
}

TEST_F(FetchSessionsTest, ForgettingComesAfterListing) {
  const std::int32_t id = create(2);
  const auto opened =
      open(id, 1, list_of({{"t", wish(1, 9)}}), {{{"t", {}}, 1}, {{"none", {}}, 0}});
  EXPECT_EQ(indices(opened.list), (std::vector<std::int32_t>{0}));
  EXPECT_FALSE(opened.is_over);
  EXPECT_EQ(sessions.partitions(), 1u);
}

TEST_F(FetchSessionsTest, TheLastPartitionForgottenEndsIt) {
  const std::int32_t id = create(1);
  EXPECT_TRUE(open(id, 1, {}, {{{"t", {}}, 0}}).is_over);
  EXPECT_EQ(open(id, 2).error, ErrorCode::fetch_session_id_not_found);
  EXPECT_EQ(sessions.partitions(), 0u);
}

TEST_F(FetchSessionsTest, OnlyTheNextEpochIsTaken) {
  const std::int32_t id = create(1);
  for (const std::int32_t epoch : {0, 2, -2, INT32_MIN})
    EXPECT_EQ(open(id, epoch).error, ErrorCode::invalid_fetch_session_epoch) << epoch;
  EXPECT_EQ(open(id, 1).epoch, 2);
  EXPECT_EQ(open(id, 1).error, ErrorCode::invalid_fetch_session_epoch);
  EXPECT_EQ(open(id + 1, 1).error, ErrorCode::fetch_session_id_not_found);
  EXPECT_EQ(FetchSessions::epoch_after(INT32_MAX), 1);
}

TEST_F(FetchSessionsTest, AFetchThatWasOvertakenSaysSo) {
  const std::int32_t id = create(1);
  const auto first = open(id, 1);
  const auto second = open(id, 2);
  const std::vector<FetchNews> news{at(0)};
  EXPECT_EQ(sessions.tell(id, first.epoch, news).error, ErrorCode::invalid_fetch_session_epoch);
  EXPECT_EQ(sessions.tell(id, second.epoch, news).error, ErrorCode::none);
}

TEST_F(FetchSessionsTest, AFetchWhoseSessionWasDroppedTellsAll) {
  const std::int32_t id = create(2);
  const auto opened = open(id, 1);
  sessions.drop(id);
  const auto told = sessions.tell(id, opened.epoch, std::vector{at(0), at(0)});
  EXPECT_EQ(told.answered, Answered({true, true}));
}

TEST_F(FetchSessionsTest, NamesAndIdsDoNotMix) {
  FetchList by_id;
  by_id.topics.push_back({"", uuid(1)});
  by_id.partitions.push_back({0, wish(0)});
  const std::int32_t id = sessions.create({false, true, 5}, by_id, std::vector{failed()}, now);
  EXPECT_EQ(open(id, 1).error, ErrorCode::fetch_session_topic_id_error);
  const auto opened = sessions.open({id, 1, true}, {}, {}, no_names, now);
  EXPECT_EQ(opened.error, ErrorCode::none) << "the refused request has changed nothing";
  EXPECT_EQ(opened.list.topics[0].name, "");
}

TEST_F(FetchSessionsTest, AnIdKeepsTheNameItOnceHad) {
  FetchList by_id;
  by_id.topics.push_back({"", uuid(1)});
  by_id.partitions.push_back({0, wish(0)});
  const std::int32_t id = sessions.create({false, true, 5}, by_id, std::vector{failed()}, now);
  const TopicNames found = [](const model::Uuid&) { return std::string("topic"); };
  const auto named = sessions.open({id, 1, true}, {}, {}, found, now);
  EXPECT_EQ(named.list.topics[0].name, "topic");
  const auto later = sessions.open({id, 2, true}, {}, {}, no_names, now);
  EXPECT_EQ(later.list.topics[0].name, "topic");
  EXPECT_EQ(later.list.topics[0].id, uuid(1));
}

TEST_F(FetchSessionsTest, AnIdNamesItsShard) {
  for (std::uint32_t shard = 0; shard < 3; ++shard) {
    FetchSessions some({100, 1000, shard, 3});
    for (std::uint64_t i = 0; i < 100; ++i) {
      const std::uint64_t random = i % 2 == 0 ? 17 : UINT64_MAX - i;  // taken ones too
      const std::int32_t id =
          some.create({false, false, random}, list_of({{"t", wish(0)}}), std::vector{at(0)}, now);
      ASSERT_GT(id, 0);
      EXPECT_EQ(FetchSessions::shard_of(id, 3), shard);
    }
    EXPECT_EQ(some.size(), 100u);
  }
}

TEST_F(FetchSessionsTest, AFullCacheOfYoungSessionsTakesNoConsumer) {
  for (int i = 0; i < 4; ++i) ASSERT_NE(create(1), 0);
  EXPECT_EQ(create(100), 0);
  now += 2min;
  EXPECT_EQ(create(100), 0) << "two minutes is not yet too old";
  EXPECT_EQ(sessions.evictions(), 0u);
}

TEST_F(FetchSessionsTest, TheStalestSessionMakesRoom) {
  const std::int32_t stale = create(50);
  now += 1min;
  for (int i = 0; i < 3; ++i) ASSERT_NE(create(1), 0);
  now += 61s;
  EXPECT_NE(create(1), 0);
  EXPECT_EQ(open(stale, 1).error, ErrorCode::fetch_session_id_not_found);
  EXPECT_EQ(create(1), 0) << "the others were used less than two minutes ago";
}

TEST_F(FetchSessionsTest, AnOldSmallSessionMakesRoomForALargerOne) {
  std::vector<std::int32_t> ids;
  for (std::int32_t size : {3, 2, 4, 5}) ids.push_back(create(size));
  for (std::int32_t epoch = 1; epoch <= 3; ++epoch) {
    now += 1min;
    for (std::size_t i = 0; i < ids.size(); ++i)
      ASSERT_EQ(open(ids[i], epoch).error, ErrorCode::none);
  }
  EXPECT_EQ(create(1), 0) << "less valuable than each";
  EXPECT_NE(create(3), 0);
  EXPECT_EQ(open(ids[1], 4).error, ErrorCode::fetch_session_id_not_found) << "the smallest";
  EXPECT_EQ(open(ids[0], 4).error, ErrorCode::none);
}

TEST_F(FetchSessionsTest, AFollowerTakesThePlaceOfAConsumerAtOnce) {
  for (int i = 0; i < 4; ++i) ASSERT_NE(create(10), 0);
  for (int i = 0; i < 4; ++i) EXPECT_NE(create(1, true), 0);
  EXPECT_EQ(create(1, true), 0) << "followers do not yield to each other while they are young";
  EXPECT_EQ(create(1000), 0);
  EXPECT_EQ(sessions.size(), 4u);
}

TEST_F(FetchSessionsTest, PartitionsHaveALimitOfTheirOwn) {
  sessions = sessions_of(10, 5);
  const std::int32_t id = create(3);
  ASSERT_NE(id, 0);
  EXPECT_EQ(create(3), 0);
  EXPECT_EQ(create(6), 0);
  ASSERT_NE(create(2), 0);
  const auto grown = open(id, 1, list_of({{"t", wish(10)}}));
  EXPECT_EQ(grown.error, ErrorCode::fetch_session_id_not_found);
  EXPECT_EQ(sessions.size(), 1u);
  EXPECT_EQ(sessions.partitions(), 2u);
}

TEST_F(FetchSessionsTest, LowerLimitsEndTheStalestSessions) {
  const std::int32_t stale = create(3);
  now += 1s;
  const std::int32_t used = create(3);
  now += 1s;
  const std::int32_t fresh = create(3);
  sessions.set_limits({4, 6, 0, 1});
  EXPECT_EQ(open(stale, 1).error, ErrorCode::fetch_session_id_not_found);
  EXPECT_EQ(sessions.size(), 2U);
  EXPECT_EQ(sessions.partitions(), 6U);
  sessions.set_limits({1, 1000, 0, 1});
  EXPECT_EQ(open(used, 1).error, ErrorCode::fetch_session_id_not_found);
  EXPECT_EQ(open(fresh, 1).error, ErrorCode::none);
  EXPECT_EQ(create(1), 0);
  sessions.set_limits({2, 1000, 0, 1});
  EXPECT_NE(create(1), 0);
}

TEST_F(FetchSessionsTest, WithoutSlotsThereAreNoSessions) {
  sessions = sessions_of(0);
  EXPECT_EQ(create(1), 0);
}

// ---- model

/// What a session is, without any cleverness.
struct ModelSession {
  struct Row {
    std::string topic;
    FetchWish wish;
    std::int64_t told = -1;
  };
  std::int32_t epoch = 1;
  std::vector<Row> rows;

  std::vector<Row>::iterator find(std::string_view topic, std::int32_t index) {
    return std::find_if(rows.begin(), rows.end(), [&](const Row& row) {
      return row.topic == topic && row.wish.index == index;
    });
  }
};

class ModelRun {
 public:
  explicit ModelRun(std::uint32_t seed) : random_(seed) {}

  void step() {
    now_ += std::chrono::seconds(below(30));
    const int kind = below(10);
    if (kind == 0) create();
    if (kind == 1) drop();
    if (kind >= 2) fetch();
    EXPECT_LE(sessions_.size(), slots);
    EXPECT_LE(sessions_.partitions(), partitions_max);
  }

 private:
  static constexpr std::size_t slots = 5;
  static constexpr std::size_t partitions_max = 40;

  int below(int end) { return static_cast<int>(random_() % static_cast<std::uint32_t>(end)); }

  FetchList some_partitions(std::vector<std::string>& names) {
    names.assign({"a", "b", "c"});
    FetchList list;
    for (const std::string& name : names) list.topics.push_back({name, {}});
    for (std::uint32_t topic = 0; topic < 3; ++topic) {
      for (std::int32_t index = 0; index < 4; ++index) {
        if (below(4) == 0) list.partitions.push_back({topic, wish(index, below(100))});
      }
    }
    return list;
  }

  FetchNews some_news() {
    if (below(6) == 0) return failed();
    return below(3) == 0 ? with_records(below(4)) : at(below(4));
  }

  void create() {
    std::vector<std::string> names;
    const FetchList list = some_partitions(names);
    std::vector<FetchNews> news;
    for (std::size_t i = 0; i < list.partitions.size(); ++i) news.push_back(some_news());
    const std::size_t before = sessions_.evictions();
    const std::int32_t id = sessions_.create({false, false, random_()}, list, news, now_);
    evicted_ = evicted_ || sessions_.evictions() != before;
    if (id == 0) return;
    ModelSession made;
    for (std::size_t i = 0; i < news.size(); ++i) {
      const auto& partition = list.partitions[i];
      made.rows.push_back({std::string(list.topics[partition.topic].name), partition.wish,
                           news[i].error == ErrorCode::none ? news[i].high_watermark : -1});
    }
    model_[id] = made;
  }

  std::int32_t some_id() {
    if (model_.empty()) return 1;
    return std::next(model_.begin(), below(static_cast<int>(model_.size())))->first;
  }

  void drop() {
    const std::int32_t id = some_id();
    sessions_.drop(id);
    model_.erase(id);
  }

  void update(ModelSession& model, const FetchList& listed, std::vector<ForgottenPartition>& gone) {
    for (const auto& partition : listed.partitions) {
      const std::string topic(listed.topics[partition.topic].name);
      const auto at = model.find(topic, partition.wish.index);
      if (at == model.rows.end()) {
        model.rows.push_back({topic, partition.wish, -1});
      } else {
        at->wish = partition.wish;
      }
    }
    for (const char* topic : {"a", "b", "x"}) {
      if (below(3) != 0) continue;
      gone.push_back({{topic, {}}, below(4)});
      const auto at = model.find(topic, gone.back().index);
      if (at != model.rows.end()) model.rows.erase(at);
    }
  }

  void fetch() {
    const std::int32_t id = some_id();
    auto found = model_.find(id);
    const std::int32_t epoch = found == model_.end() ? 1 : found->second.epoch + (below(9) == 0);
    std::vector<std::string> names;
    const FetchList listed = some_partitions(names);
    std::vector<ForgottenPartition> gone;
    ModelSession after = found == model_.end() ? ModelSession{} : found->second;
    update(after, listed, gone);
    const auto opened = sessions_.open({id, epoch, false}, listed, gone, no_names, now_);
    if (opened.error == ErrorCode::fetch_session_id_not_found) {  // evicted, or it has outgrown
      model_.erase(id);
      return;
    }
    ASSERT_NE(found, model_.end());
    if (opened.error != ErrorCode::none) {
      EXPECT_EQ(opened.error, ErrorCode::invalid_fetch_session_epoch);
      EXPECT_NE(epoch, found->second.epoch);
      return;
    }
    EXPECT_EQ(epoch, found->second.epoch);
    EXPECT_EQ(opened.is_over, after.rows.empty());
    if (opened.is_over) {
      model_.erase(id);
      return;
    }
    found->second = after;
    found->second.epoch = opened.epoch;
    compare(found->second, opened.list);
    answer(id, found->second);
  }

  void compare(const ModelSession& model, const FetchList& list) {
    ASSERT_EQ(list.partitions.size(), model.rows.size());
    for (std::size_t i = 0; i < model.rows.size(); ++i) {
      EXPECT_EQ(list.topics[list.partitions[i].topic].name, model.rows[i].topic);
      EXPECT_EQ(list.partitions[i].wish.index, model.rows[i].wish.index);
      EXPECT_EQ(list.partitions[i].wish.offset, model.rows[i].wish.offset);
    }
  }

  void answer(std::int32_t id, ModelSession& model) {
    std::vector<FetchNews> news;
    std::vector<bool> expected;
    std::vector<ModelSession::Row> rest;
    std::vector<ModelSession::Row> served;
    for (auto& row : model.rows) {
      const FetchNews told = some_news();
      news.push_back(told);
      const bool failed = told.error != ErrorCode::none;
      const bool is_new = row.told == -1 || told.high_watermark != row.told;
      expected.push_back(failed || told.has_records || is_new);
      row.told = failed ? -1 : told.high_watermark;
      (told.has_records ? served : rest).push_back(row);
    }
    rest.insert(rest.end(), served.begin(), served.end());
    model.rows = rest;
    const auto told = sessions_.tell(id, model.epoch, news);
    EXPECT_EQ(told.error, ErrorCode::none);
    EXPECT_EQ(told.answered, expected);
  }

  std::mt19937 random_;
  FetchSessions sessions_{{slots, partitions_max, 0, 1}};
  std::map<std::int32_t, ModelSession> model_;
  Instant now_ = start;
  bool evicted_ = false;
};

TEST(FetchSessionModel, DoesWhatTheModelDoes) {
  for (std::uint32_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    ModelRun run(seed);
    for (int i = 0; i < 2000 && !::testing::Test::HasFailure(); ++i) run.step();
  }
}

}  // namespace
}  // namespace gregor::broker
