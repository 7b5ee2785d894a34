// The conformance suite that every metadata store passes. Only for tests: a store's *_test.cc
// includes this, gives a world (see World below) and instantiates StoreConformance with it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "metadata/store.h"
#include "runtime/shard.h"
#include "runtime/task_group.h"

namespace gregor::metadata::conformance {

using runtime::Task;
using znode::CreateMode;
using znode::StoreError;

// gtest's ASSERT_* returns, which a coroutine can't.
#define GREGOR_REQUIRE(condition)                  \
  do {                                             \
    if (!(condition)) {                            \
      ADD_FAILURE() << "required: " << #condition; \
      co_return;                                   \
    }                                              \
  } while (false)

/// Where a store lives during one test. A world has these members:
///   void run(UniqueFunction<Task<void>()> make);        // to its end, on the shard
///   runtime::Shard& shard();
///   Task<std::unique_ptr<Store>> connect();             // a new session on the same tree, the
///   last one having ended
class World {
 public:
  virtual ~World() = default;
  virtual void run(UniqueFunction<Task<void>()> make) = 0;
  virtual runtime::Shard& shard() = 0;
  virtual Task<std::unique_ptr<Store>> connect() = 0;
};

/// What happened, in order: "created /a", "answer x".
using Diary = std::vector<std::string>;

inline std::string to_text(const znode::WatchEvent& event) {
  static constexpr const char* names[] = {"created", "deleted", "data_changed", "children_changed"};
  return std::string(names[static_cast<std::size_t>(event.type)]) + " " + event.path;
}

template <class T>
std::string outcome(const StoreResult<T>& result) {
  return result ? "ok" : znode::name(result.error().error);
}

// No braces inside a co_await expression (g++ 12), so the requests are made here.
inline auto create(Store& store, std::string path, std::string data = "",
                   CreateMode mode = CreateMode::persistent) {
  return store.create(znode::op::Create{std::move(path), std::move(data), mode});
}
inline auto set(Store& store, std::string path, std::string data,
                std::int32_t version = znode::any_version) {
  return store.set(znode::op::Set{std::move(path), std::move(data), version});
}
inline auto remove(Store& store, std::string path, std::int32_t version = znode::any_version) {
  return store.remove(znode::op::Delete{std::move(path), version});
}

inline Task<std::string> make(Store& store, std::string path, std::string data = "",
                              CreateMode mode = CreateMode::persistent) {
  auto made = co_await create(store, std::move(path), std::move(data), mode);
  co_return made ? made->path : znode::name(made.error().error);
}

inline Task<std::string> children_of(Store& store, std::string path) {
  auto listed = co_await store.children(std::move(path), Watch::no);
  if (!listed) co_return znode::name(listed.error().error);
  std::sort(listed->names.begin(), listed->names.end());
  std::string text;
  for (const auto& name : listed->names) text += name + " ";
  co_return text;
}

inline Task<void> creates_reads_changes_deletes(Store& store) {
  EXPECT_EQ(co_await make(store, "/a", "one"), "/a");
  auto read = co_await store.get("/a", Watch::no);
  GREGOR_REQUIRE(read);
  EXPECT_EQ(read->data, "one");
  auto changed = co_await set(store, "/a", "two", 0);
  GREGOR_REQUIRE(changed);
  EXPECT_EQ(changed->version, 1);
  read = co_await store.get("/a", Watch::no);
  GREGOR_REQUIRE(read);
  EXPECT_EQ(read->data, "two");
  EXPECT_EQ(outcome(co_await store.exists("/a", Watch::no)), "ok");
  EXPECT_EQ(outcome(co_await remove(store, "/a", 1)), "ok");
  EXPECT_EQ(outcome(co_await store.exists("/a", Watch::no)), "no_node");
  EXPECT_EQ(co_await children_of(store, "/"), "");
}

inline Task<void> names_each_error(Store& store) {
  EXPECT_EQ(co_await make(store, "/a/b"), "no_node");
  EXPECT_EQ(co_await make(store, "/a"), "/a");
  EXPECT_EQ(co_await make(store, "/a"), "node_exists");
  EXPECT_EQ(co_await make(store, "/"), "node_exists");
  EXPECT_EQ(outcome(co_await set(store, "/a", "", 7)), "bad_version");
  EXPECT_EQ(outcome(co_await set(store, "/b", "")), "no_node");
  EXPECT_EQ(outcome(co_await remove(store, "/a", 7)), "bad_version");
  EXPECT_EQ(outcome(co_await remove(store, "/b")), "no_node");
  EXPECT_EQ(outcome(co_await remove(store, "/")), "bad_arguments");
  EXPECT_EQ(co_await make(store, "/a/b"), "/a/b");
  EXPECT_EQ(outcome(co_await remove(store, "/a")), "not_empty");
  EXPECT_EQ(outcome(co_await store.get("/c", Watch::no)), "no_node");
  EXPECT_EQ(outcome(co_await store.children("/c", Watch::no)), "no_node");
  EXPECT_EQ(co_await make(store, "/e", "", CreateMode::ephemeral), "/e");
  EXPECT_EQ(co_await make(store, "/e/f"), "no_children_for_ephemerals");
}

inline Task<void> refuses_illegal_paths(Store& store) {
  for (const char* path : {"", "a", "/a/", "//", "/a//b", "/.", "/../a", "/a\x01", "/\xff"}) {
    EXPECT_EQ(co_await make(store, path), "bad_arguments") << path;
    EXPECT_EQ(outcome(co_await store.get(path, Watch::yes)), "bad_arguments") << path;
    EXPECT_EQ(outcome(co_await store.exists(path, Watch::yes)), "bad_arguments") << path;
    EXPECT_EQ(outcome(co_await store.children(path, Watch::yes)), "bad_arguments") << path;
    EXPECT_EQ(outcome(co_await set(store, path, "")), "bad_arguments") << path;
    EXPECT_EQ(outcome(co_await remove(store, path)), "bad_arguments") << path;
  }
}

inline Task<void> keeps_stat_fields(Store& store) {
  auto parent = co_await create(store, "/p", "", CreateMode::persistent);
  GREGOR_REQUIRE(parent);
  auto made = co_await create(store, "/p/a", "four", CreateMode::persistent);
  GREGOR_REQUIRE(made);
  EXPECT_GT(made->stat.czxid, parent->stat.czxid);
  EXPECT_EQ(made->stat.mzxid, made->stat.czxid);
  EXPECT_EQ(made->stat.pzxid, made->stat.czxid);
  EXPECT_EQ(made->stat.version, 0);
  EXPECT_EQ(made->stat.data_length, 4);
  EXPECT_EQ(made->stat.ephemeral_owner, 0);
  EXPECT_GT(made->stat.ctime_ms, 0);
  auto changed = co_await set(store, "/p/a", "", 0);
  GREGOR_REQUIRE(changed);
  EXPECT_EQ(changed->czxid, made->stat.czxid);
  EXPECT_GT(changed->mzxid, made->stat.czxid);
  EXPECT_EQ(changed->version, 1);
  EXPECT_EQ(changed->data_length, 0);
  auto seen = co_await store.exists("/p", Watch::no);
  GREGOR_REQUIRE(seen);
  EXPECT_EQ(seen->pzxid, made->stat.czxid);
  EXPECT_EQ(seen->version, 0);
  EXPECT_EQ(seen->cversion, 1);
  EXPECT_EQ(seen->num_children, 1);
  EXPECT_EQ(outcome(co_await remove(store, "/p/a")), "ok");
  seen = co_await store.exists("/p", Watch::no);
  GREGOR_REQUIRE(seen);
  EXPECT_GT(seen->pzxid, changed->mzxid);
  EXPECT_EQ(seen->cversion, 2);
  EXPECT_EQ(seen->num_children, 0);
  EXPECT_EQ(seen->mzxid, parent->stat.mzxid);
  auto ephemeral = co_await create(store, "/e", "", CreateMode::ephemeral);
  GREGOR_REQUIRE(ephemeral);
  EXPECT_EQ(ephemeral->stat.ephemeral_owner, store.session_id());
}

inline Task<void> numbers_sequential_nodes(Store& store) {
  EXPECT_EQ(co_await make(store, "/s"), "/s");
  EXPECT_EQ(co_await make(store, "/s/n_", "", CreateMode::persistent_sequential),
            "/s/n_0000000000");
  EXPECT_EQ(co_await make(store, "/s/other"), "/s/other");  // any child counts
  EXPECT_EQ(co_await make(store, "/s/n_", "", CreateMode::persistent_sequential),
            "/s/n_0000000002");
  EXPECT_EQ(outcome(co_await remove(store, "/s/n_0000000002")), "ok");  // deletions do not
  EXPECT_EQ(co_await make(store, "/s/", "", CreateMode::ephemeral_sequential), "/s/0000000003");
  EXPECT_EQ(co_await children_of(store, "/s"), "0000000003 n_0000000000 other ");
}

inline std::vector<znode::Operation> operations(std::initializer_list<znode::Operation> list) {
  return list;
}

inline Task<void> multi_is_all_or_nothing(Store& store) {
  using namespace znode::op;
  EXPECT_EQ(co_await make(store, "/epoch", "1"), "/epoch");
  auto good =
      operations({Check{"/epoch", 0}, Create{"/m", "x", CreateMode::persistent},
                  Create{"/m/n", "", CreateMode::persistent}, Set{"/m", "y", 0}, Delete{"/m/n"}});
  auto done = co_await store.multi(good);
  GREGOR_REQUIRE(done);
  GREGOR_REQUIRE(done->size() == 5);
  EXPECT_EQ((*done)[1].path, "/m");
  EXPECT_EQ((*done)[3].stat.version, 1);
  EXPECT_EQ((*done)[3].stat.mzxid, (*done)[1].stat.czxid) << "one change has one zxid";

  auto bad =
      operations({Create{"/q", "", CreateMode::persistent}, Set{"/m", "z", 1}, Delete{"/epoch"},
                  Create{"/e", "", CreateMode::ephemeral}, Check{"/m", 9}});
  auto failed = co_await store.multi(bad);
  GREGOR_REQUIRE(!failed);
  EXPECT_EQ(failed.error().error, StoreError::bad_version);
  EXPECT_EQ(failed.error().operation, 4u);
  EXPECT_EQ(co_await children_of(store, "/"), "epoch m ");
  auto kept = co_await store.get("/m", Watch::no);
  GREGOR_REQUIRE(kept);
  EXPECT_EQ(kept->data, "y");
  EXPECT_EQ(kept->stat.version, 1);
  auto epoch = co_await store.get("/epoch", Watch::no);
  GREGOR_REQUIRE(epoch);
  EXPECT_EQ(epoch->data, "1");
  auto root = co_await store.exists("/", Watch::no);
  GREGOR_REQUIRE(root);
  EXPECT_EQ(root->cversion, 2) << "a change that was taken back still counts";
  auto nothing = co_await store.multi({});
  EXPECT_TRUE(nothing && nothing->empty());
  auto check_only = operations({Check{"/epoch", 3}});
  EXPECT_EQ(outcome(co_await store.multi(check_only)), "bad_version");
}

inline Task<void> watches_fire_once(Store& store, Diary& diary) {
  EXPECT_EQ(co_await make(store, "/w", "1"), "/w");
  EXPECT_EQ(outcome(co_await store.get("/w", Watch::yes)), "ok");
  EXPECT_EQ(outcome(co_await set(store, "/w", "2")), "ok");
  EXPECT_EQ(outcome(co_await set(store, "/w", "3")), "ok");
  EXPECT_EQ(diary, Diary({"data_changed /w"}));
  diary.clear();

  EXPECT_EQ(outcome(co_await store.exists("/x", Watch::yes)), "no_node");
  EXPECT_EQ(outcome(co_await store.get("/y", Watch::yes)), "no_node");       // leaves no watch
  EXPECT_EQ(outcome(co_await store.children("/y", Watch::yes)), "no_node");  // nor does this
  EXPECT_EQ(co_await make(store, "/x"), "/x");
  EXPECT_EQ(co_await make(store, "/y"), "/y");
  EXPECT_EQ(diary, Diary({"created /x"}));
  diary.clear();

  EXPECT_EQ(outcome(co_await store.exists("/x", Watch::yes)), "ok");
  EXPECT_EQ(outcome(co_await remove(store, "/x")), "ok");
  EXPECT_EQ(diary, Diary({"deleted /x"}));
  diary.clear();

  EXPECT_EQ(outcome(co_await store.children("/w", Watch::yes)), "ok");
  EXPECT_EQ(outcome(co_await set(store, "/w", "4")), "ok");  // data is not children
  EXPECT_EQ(co_await make(store, "/w/a"), "/w/a");
  EXPECT_EQ(co_await make(store, "/w/b"), "/w/b");
  EXPECT_EQ(diary, Diary({"children_changed /w"}));
  diary.clear();

  EXPECT_EQ(outcome(co_await store.children("/w/a", Watch::yes)), "ok");
  EXPECT_EQ(outcome(co_await store.get("/w/a", Watch::yes)), "ok");
  EXPECT_EQ(outcome(co_await store.children("/w", Watch::yes)), "ok");
  EXPECT_EQ(outcome(co_await remove(store, "/w/a")), "ok");
  EXPECT_EQ(diary, Diary({"deleted /w/a", "children_changed /w"}))
      << "a deletion is told once per node";
}

inline Task<void> failed_changes_fire_nothing(Store& store, Diary& diary) {
  using namespace znode::op;
  EXPECT_EQ(co_await make(store, "/w"), "/w");
  EXPECT_EQ(outcome(co_await store.get("/w", Watch::yes)), "ok");
  EXPECT_EQ(outcome(co_await set(store, "/w", "", 5)), "bad_version");
  auto bad = operations({Set{"/w", "x"}, Check{"/w", 9}});
  EXPECT_EQ(outcome(co_await store.multi(bad)), "bad_version");
  EXPECT_TRUE(diary.empty());
  EXPECT_EQ(outcome(co_await set(store, "/w", "x")), "ok");
  EXPECT_EQ(diary, Diary({"data_changed /w"}))
      << "the watch has gone with a change that was not made";
}

inline Task<void> write_answer(Task<StoreResult<znode::Stat>> answer, Diary& diary,
                               std::string label) {
  auto result = co_await std::move(answer);
  diary.push_back(label + " " + outcome(result));
}

inline Task<void> write_data(Task<StoreResult<NodeData>> answer, Diary& diary, std::string label) {
  auto result = co_await std::move(answer);
  diary.push_back(label + " " + (result ? result->data : outcome(result)));
}

// Requests are asked without waiting; answers and events come in the order of the changes.
inline Task<void> pipelines_in_order(Store& store, Diary& diary) {
  EXPECT_EQ(co_await make(store, "/n", "0"), "/n");
  runtime::TaskGroup tasks;
  tasks.spawn(write_data(store.get("/n", Watch::yes), diary, "get"));
  tasks.spawn(write_answer(set(store, "/n", "1", 0), diary, "set 1"));
  tasks.spawn(write_data(store.get("/n", Watch::yes), diary, "get"));
  tasks.spawn(write_answer(set(store, "/n", "2", 0), diary, "set bad"));
  tasks.spawn(write_answer(set(store, "/n", "2", 1), diary, "set 2"));
  tasks.spawn(write_data(store.get("/n", Watch::no), diary, "get"));
  co_await tasks.join();
  EXPECT_EQ(diary, Diary({"get 0", "data_changed /n", "set 1 ok", "get 1", "set bad bad_version",
                          "data_changed /n", "set 2 ok", "get 2"}));
}

inline Task<void> calls_count_at_once(Store& store) {
  std::vector<Task<StoreResult<znode::OperationResult>>> asked;
  for (int i = 0; i < 300; ++i) {
    asked.push_back(create(store, "/c" + std::to_string(i), "x"));
  }
  { auto dropped = create(store, "/dropped"); }  // asked is asked
  auto last = co_await store.children("/", Watch::no);
  GREGOR_REQUIRE(last);
  EXPECT_EQ(last->names.size(), 301u) << "a read overtook changes that were asked before";
  std::int64_t zxid = 0;
  for (auto& each : asked) {
    auto made = co_await std::move(each);
    GREGOR_REQUIRE(made);
    EXPECT_GT(made->stat.czxid, zxid);
    zxid = made->stat.czxid;
  }
}

inline Task<void> limits_the_size_of_a_request(Store& store) {
  const std::string large((1 << 20) - 128, 'x');
  EXPECT_EQ(co_await make(store, "/large", large), "/large");
  auto read = co_await store.get("/large", Watch::no);
  GREGOR_REQUIRE(read);
  EXPECT_EQ(read->data, large);
  const std::string huge(1 << 20, 'x');
  auto refused = co_await create(store, "/huge", huge, CreateMode::persistent);
  GREGOR_REQUIRE(!refused);
  EXPECT_EQ(refused.error().error, StoreError::too_large);
  EXPECT_NE(refused.error().detail.find("/huge"), std::string::npos);
  EXPECT_EQ(outcome(co_await set(store, "/large", huge)), "too_large");
  std::vector<znode::Operation> many;
  for (int i = 0; i < 40'000; ++i)
    many.push_back(znode::op::Check{"/a-path-of-some-length/" + std::to_string(i)});
  EXPECT_EQ(outcome(co_await store.multi(std::move(many))), "too_large");
  EXPECT_EQ(co_await children_of(store, "/"), "large ");
}

inline Task<void> session_end_removes_ephemerals(World& world) {
  auto first = co_await world.connect();
  Store& one = *first;
  EXPECT_EQ(co_await make(one, "/p", "kept"), "/p");
  EXPECT_EQ(co_await make(one, "/p/e", "", CreateMode::ephemeral), "/p/e");
  EXPECT_EQ(co_await make(one, "/p/s", "", CreateMode::ephemeral_sequential), "/p/s0000000001");
  auto before = co_await one.exists("/p", Watch::no);
  GREGOR_REQUIRE(before);
  const auto old_session = one.session_id();
  co_await one.close();
  EXPECT_EQ(outcome(co_await one.get("/p", Watch::no)), "session_expired");
  EXPECT_EQ(co_await make(one, "/late"), "session_expired");
  first.reset();

  auto second = co_await world.connect();
  Store& two = *second;
  EXPECT_NE(two.session_id(), old_session);
  EXPECT_NE(two.session_id(), 0);
  EXPECT_EQ(co_await children_of(two, "/p"), "");
  auto after = co_await two.exists("/p", Watch::no);
  GREGOR_REQUIRE(after);
  EXPECT_EQ(after->cversion, 4);
  EXPECT_GT(after->pzxid, before->pzxid);
  auto made = co_await create(two, "/q", "", CreateMode::persistent);
  GREGOR_REQUIRE(made);
  EXPECT_GT(made->stat.czxid, after->pzxid);
  co_await two.close();
}

template <class WorldType>
class StoreConformance : public ::testing::Test {
 protected:
  using Check = Task<void> (*)(Store&);
  using DiaryCheck = Task<void> (*)(Store&, Diary&);

  void check(Check body) {
    world_.run([this, body] { return with_store(body, nullptr); });
  }
  void check(DiaryCheck body) {
    world_.run([this, body] { return with_store(nullptr, body); });
  }
  Task<void> with_store(Check body, DiaryCheck diary_body) {
    auto store = co_await world_.connect();
    GREGOR_REQUIRE(store != nullptr);
    Diary diary;
    store->on_watch([&diary](const znode::WatchEvent& event) { diary.push_back(to_text(event)); });
    if (body != nullptr) co_await body(*store);
    if (diary_body != nullptr) co_await diary_body(*store, diary);
    co_await store->close();
  }

  WorldType world_;
};

TYPED_TEST_SUITE_P(StoreConformance);

TYPED_TEST_P(StoreConformance, CreatesReadsChangesDeletes) {
  this->check(creates_reads_changes_deletes);
}
TYPED_TEST_P(StoreConformance, NamesEachError) { this->check(names_each_error); }
TYPED_TEST_P(StoreConformance, RefusesIllegalPaths) { this->check(refuses_illegal_paths); }
TYPED_TEST_P(StoreConformance, KeepsStatFields) { this->check(keeps_stat_fields); }
TYPED_TEST_P(StoreConformance, NumbersSequentialNodes) { this->check(numbers_sequential_nodes); }
TYPED_TEST_P(StoreConformance, MultiIsAllOrNothing) { this->check(multi_is_all_or_nothing); }
TYPED_TEST_P(StoreConformance, WatchesFireOnce) { this->check(watches_fire_once); }
TYPED_TEST_P(StoreConformance, FailedChangesFireNothing) {
  this->check(failed_changes_fire_nothing);
}
TYPED_TEST_P(StoreConformance, PipelinesInOrder) { this->check(pipelines_in_order); }
TYPED_TEST_P(StoreConformance, CallsCountAtOnce) { this->check(calls_count_at_once); }
TYPED_TEST_P(StoreConformance, LimitsTheSizeOfARequest) {
  this->check(limits_the_size_of_a_request);
}
TYPED_TEST_P(StoreConformance, SessionEndRemovesEphemerals) {
  this->world_.run([this] { return session_end_removes_ephemerals(this->world_); });
}

REGISTER_TYPED_TEST_SUITE_P(StoreConformance, CreatesReadsChangesDeletes, NamesEachError,
                            RefusesIllegalPaths, KeepsStatFields, NumbersSequentialNodes,
                            MultiIsAllOrNothing, WatchesFireOnce, FailedChangesFireNothing,
                            PipelinesInOrder, CallsCountAtOnce, LimitsTheSizeOfARequest,
                            SessionEndRemovesEphemerals);

}  // namespace gregor::metadata::conformance
