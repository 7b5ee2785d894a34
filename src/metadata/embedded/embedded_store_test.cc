// The embedded store: conformance, what survives, what is refused, and what a full disk does.
#include "metadata/embedded/embedded_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "metadata/conformance.h"
#include "runtime/real/real_runtime.h"

namespace gregor::metadata {
namespace {

using namespace conformance;
using znode::SessionEvent;

class EmbeddedWorld : public World {
 public:
  EmbeddedWorld() {
    std::string pattern = ::testing::TempDir() + "metadata-XXXXXX";
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    runtime_.start();
  }
  ~EmbeddedWorld() override {
    runtime_.stop();
    std::error_code error;
    std::filesystem::remove_all(folder_, error);
    EXPECT_FALSE(error) << error.message();
  }
  void run(UniqueFunction<Task<void>()> make) override { runtime_.run(std::move(make)); }
  runtime::Shard& shard() override { return runtime_.shard(runtime::ShardId(0)); }
  Task<std::unique_ptr<Store>> connect() override {
    auto opened = co_await open();
    if (!opened) {
      ADD_FAILURE() << opened.error().detail;
      co_return nullptr;
    }
    co_return std::move(*opened);
  }
  Task<Result<std::unique_ptr<EmbeddedStore>>> open() {
    return EmbeddedStore::open(shard(), path());
  }
  [[nodiscard]] std::string path() const { return folder_ + "/" + embedded_store_file; }

  std::string folder_;
  runtime::real::RealRuntime runtime_{{.shard_count = 1, .io_threads = 2}};
};

INSTANTIATE_TYPED_TEST_SUITE_P(Embedded, StoreConformance, EmbeddedWorld);

class EmbeddedStoreTest : public ::testing::Test {
 protected:
  using Body = Task<void> (*)(EmbeddedWorld&);
  void run(Body body) {
    world_.run([this, body] { return body(world_); });
  }
  EmbeddedWorld world_;
};

Task<void> reopen(EmbeddedWorld& world) {
  std::int64_t zxid = 0;
  std::int64_t session = 0;
  for (int round = 0; round < 4; ++round) {
    auto opened = co_await world.open();
    GREGOR_REQUIRE(opened);
    auto& store = **opened;
    EXPECT_EQ(store.is_new(), round == 0);
    EXPECT_GT(store.session_id(), session);
    session = store.session_id();
    EXPECT_EQ(outcome(co_await store.exists("/e", Watch::no)), "no_node");
    for (int i = 0; i < round; ++i) {
      auto kept = co_await store.get("/n" + std::to_string(i), Watch::no);
      GREGOR_REQUIRE(kept);
      EXPECT_EQ(kept->data, std::string("a\0b", 3));
      EXPECT_EQ(kept->stat.version, 1);
    }
    const std::string path = "/n" + std::to_string(round);
    auto made = co_await create(store, path, "");
    GREGOR_REQUIRE(made);
    EXPECT_GT(made->stat.czxid, zxid);
    auto changed = co_await set(store, path, std::string("a\0b", 3));
    GREGOR_REQUIRE(changed);
    auto ephemeral = co_await create(store, "/e", "", CreateMode::ephemeral);
    GREGOR_REQUIRE(ephemeral);
    zxid = ephemeral->stat.czxid;
    if (round % 2 == 0)
      co_await store.close();  // else as after a crash: the ephemeral node is still in the file
  }
}

TEST_F(EmbeddedStoreTest, ReopenKeepsEverythingButEphemeralNodes) { run(reopen); }

Task<void> group_commit(EmbeddedWorld& world) {
  auto opened = co_await world.open();
  GREGOR_REQUIRE(opened);
  auto& store = **opened;
  std::vector<Task<StoreResult<znode::OperationResult>>> asked;
  for (int i = 0; i < 1000; ++i) asked.push_back(create(store, "/n" + std::to_string(i)));
  for (auto& each : asked) {
    auto made = co_await std::move(each);
    EXPECT_TRUE(made);
  }
  EXPECT_EQ(store.counters().requests, 1000u);
  EXPECT_LE(store.counters().commits, 3u);
  EXPECT_GE(store.counters().commits, 1u);
  const auto commits = store.counters().commits;
  EXPECT_EQ(outcome(co_await store.get("/n5", Watch::no)), "ok");
  EXPECT_EQ(outcome(co_await set(store, "/n5", "", 9)), "bad_version");
  EXPECT_EQ(store.counters().commits, commits) << "a read or a refusal went to the disk";
  co_await store.close();
}

TEST_F(EmbeddedStoreTest, ChangesThatWaitShareACommit) { run(group_commit); }

Task<void> makes_no_folder(EmbeddedWorld& world) {
  auto opened = co_await world.open();
  GREGOR_REQUIRE(opened);
  EXPECT_EQ(co_await make(**opened, "/a"), "/a");
  for (const auto& entry : std::filesystem::directory_iterator(world.folder_)) {
    EXPECT_TRUE(entry.is_regular_file()) << entry.path();
    EXPECT_EQ(entry.path().string().find("-shm"), std::string::npos);
  }
  co_await (*opened)->close();
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(world.folder_))
    left.push_back(entry.path());
  EXPECT_EQ(left, std::vector<std::string>({world.path()}));
}

TEST_F(EmbeddedStoreTest, LeavesOneFileAndNoFolder) { run(makes_no_folder); }

Task<void> fill(EmbeddedWorld& world) {
  auto opened = co_await world.open();
  GREGOR_REQUIRE(opened);
  std::vector<Task<StoreResult<znode::OperationResult>>> asked;
  for (int i = 0; i < 500; ++i) {
    asked.push_back(create(**opened, "/n" + std::to_string(i),
                           std::string(100, static_cast<char>('a' + i % 26))));
  }
  for (auto& each : asked) {
    auto made = co_await std::move(each);
    EXPECT_TRUE(made);
  }
  co_await (*opened)->close();
}

Task<void> expect_refused(EmbeddedWorld& world, std::string reason) {
  auto opened = co_await world.open();
  EXPECT_FALSE(opened) << "opened in spite of: " << reason;
  GREGOR_REQUIRE(!opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kafka_storage_error);
  EXPECT_NE(opened.error().detail.find(world.path()), std::string::npos) << opened.error().detail;
  EXPECT_NE(opened.error().detail.find(reason), std::string::npos) << opened.error().detail;
}

class DamagedStoreTest : public EmbeddedStoreTest {
 protected:
  void SetUp() override {
    run(fill);
    std::ifstream in(world_.path(), std::ios::binary);
    whole_.assign(std::istreambuf_iterator<char>(in), {});
    ASSERT_GT(whole_.size(), 20'000u);
  }
  void write(const std::string& bytes) {
    std::ofstream(world_.path(), std::ios::binary | std::ios::trunc) << bytes;
  }
  void refused(const std::string& reason) {
    const auto before = std::filesystem::file_size(world_.path());
    world_.run([this, reason] { return expect_refused(world_, reason); });
    EXPECT_EQ(std::filesystem::file_size(world_.path()), before) << "a refused file was changed";
  }
  void sql(const char* text) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(world_.path().c_str(), &database), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(database, text, nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  std::string whole_;
};

TEST_F(DamagedStoreTest, TruncatedIsRefused) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{50}, std::size_t{100},
                                 std::size_t{600}, std::size_t{4095}, std::size_t{4096},
                                 whole_.size() / 2, whole_.size() - 4096, whole_.size() - 1}) {
    write(whole_.substr(0, size));
    refused("");
  }
}

TEST_F(DamagedStoreTest, GarbageIsRefused) {
  write(std::string(50'000, 'x'));
  refused("not an SQLite file");
  write(std::string(50'000, '\0'));
  refused("");
}

TEST_F(DamagedStoreTest, FlippedBytesAreFoundOrHarmless) {
  std::mt19937_64 random(5);
  int refusals = 0;
  for (int round = 0; round < 60; ++round) {
    auto bytes = whole_;
    bytes[random() % bytes.size()] ^= static_cast<char>(1 + random() % 255);
    write(bytes);
    world_.run([&]() -> Task<void> {
      struct Check {
        static Task<void> run(EmbeddedWorld& world, int& refused) {
          auto opened = co_await world.open();
          if (!opened) {
            ++refused;
            co_return;
          }
          for (int i = 0; i < 500; ++i) {  // what opens is whole
            auto read = co_await (*opened)->get("/n" + std::to_string(i), Watch::no);
            GREGOR_REQUIRE(read);
            EXPECT_EQ(read->data, std::string(100, static_cast<char>('a' + i % 26)));
          }
          co_await (*opened)->close();
        }
      };
      return Check::run(world_, refusals);
    });
  }
  EXPECT_GT(refusals, 30);
}

TEST_F(DamagedStoreTest, ForeignAndNewerFilesAreRefused) {
  sql("PRAGMA user_version = 2");
  refused("newer version of Gregor");
  sql("PRAGMA user_version = 1; PRAGMA application_id = 7");
  refused("not a metadata store of Gregor");
}

TEST_F(DamagedStoreTest, MissingRowsAreNoticed) {
  sql("DELETE FROM node WHERE path = '/n77'");
  refused("500 nodes where there should be 501");
}

TEST_F(DamagedStoreTest, AChangedRowIsNoticed) {
  sql("UPDATE node SET version = 5 WHERE path = '/n77'");
  refused("wrong checksum of node /n77");
}

TEST_F(DamagedStoreTest, ALostStoreRowIsNoticed) {
  sql("DELETE FROM store");
  refused("the row about the store is missing");
}

TEST_F(DamagedStoreTest, ALogWithoutItsFileIsRefused) {
  std::filesystem::remove(world_.path());
  std::ofstream(world_.path() + "-wal") << "something";
  world_.run([this] { return expect_refused(world_, "the file is missing"); });
  EXPECT_FALSE(std::filesystem::exists(world_.path()));
}

TEST_F(DamagedStoreTest, AnUnfinishedNewFileIsStartedAfresh) {
  std::filesystem::remove(world_.path());
  std::ofstream(world_.path() + ".new") << "half";
  run(reopen);
}

Task<void> open_twice(EmbeddedWorld& world) {
  auto first = co_await world.open();
  GREGOR_REQUIRE(first);
  EXPECT_EQ(co_await make(**first, "/a"), "/a");
  // Another process: locks of one process do not exclude each other.
  const pid_t child = ::fork();
  if (child == 0) {
    sqlite3* database = nullptr;
    sqlite3_open(world.path().c_str(), &database);
    ::_exit(sqlite3_exec(database, "SELECT * FROM node", nullptr, nullptr, nullptr) == SQLITE_BUSY
                ? 0
                : 1);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "the file is not locked";
  co_await (*first)->close();
}

TEST_F(EmbeddedStoreTest, LocksTheFile) { run(open_twice); }

// No file may grow beyond `bytes`, as if the disk were full. Undone at destruction.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &old_), 0);
    const rlimit limit{bytes, old_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~FileSizeLimit() { EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &old_), 0); }

 private:
  rlimit old_{};
};

Task<void> full_disk(EmbeddedWorld& world) {
  auto opened = co_await world.open();
  GREGOR_REQUIRE(opened);
  auto& store = **opened;
  Diary diary;
  store.on_session([&diary](SessionEvent event) {
    diary.push_back(event == SessionEvent::disconnected ? "disconnected" : "connected");
  });
  EXPECT_EQ(co_await make(store, "/kept", "1"), "/kept");
  EXPECT_EQ(co_await make(store, "/e", "", CreateMode::ephemeral), "/e");
  const std::string large(200'000, 'x');
  {
    const FileSizeLimit limit(150'000);
    EXPECT_EQ(co_await make(store, "/large", large), "unknown");
    auto read = co_await store.get("/kept", Watch::no);
    GREGOR_REQUIRE(read);  // reading goes on
    EXPECT_EQ(diary, Diary({"disconnected", "connected"}));
    EXPECT_EQ(read->data, "1");
    EXPECT_EQ(outcome(co_await store.exists("/e", Watch::no)), "ok");
    EXPECT_EQ(outcome(co_await store.exists("/large", Watch::no)), "no_node");
    EXPECT_EQ(co_await make(store, "/large", large), "unknown");
  }
  EXPECT_EQ(co_await make(store, "/large", large), "/large");  // recovers by itself
  EXPECT_EQ(outcome(co_await set(store, "/kept", "2", 0)), "ok");
  EXPECT_EQ(store.counters().failed_commits, 2u);
  co_await store.close();
  opened->reset();
  auto again = co_await world.open();
  GREGOR_REQUIRE(again);
  auto read = co_await (*again)->get("/kept", Watch::no);
  GREGOR_REQUIRE(read);
  EXPECT_EQ(read->data, "2");
  EXPECT_EQ(outcome(co_await (*again)->exists("/large", Watch::no)), "ok");
  co_await (*again)->close();
}

TEST_F(EmbeddedStoreTest, AFullDiskAnswersUnknownAndRecovers) { run(full_disk); }

// The first commit after a crash fails: the tree is read again from a file that still has the old
// session's nodes.
Task<void> full_disk_after_a_crash(EmbeddedWorld& world) {
  {
    auto crashed = co_await world.open();
    GREGOR_REQUIRE(crashed);
    EXPECT_EQ(co_await make(**crashed, "/e", "", CreateMode::ephemeral), "/e");
  }
  auto opened = co_await world.open();
  GREGOR_REQUIRE(opened);
  auto& store = **opened;
  EXPECT_EQ(outcome(co_await store.exists("/e", Watch::no)), "no_node");
  {
    const FileSizeLimit limit(100);
    EXPECT_EQ(co_await make(store, "/a"), "unknown");
  }
  EXPECT_EQ(outcome(co_await store.exists("/e", Watch::no)), "no_node");
  EXPECT_EQ(co_await make(store, "/e", "", CreateMode::ephemeral), "/e");
  auto mine = co_await store.exists("/e", Watch::no);
  GREGOR_REQUIRE(mine);
  EXPECT_EQ(mine->ephemeral_owner, store.session_id());
  co_await store.close();
}

TEST_F(EmbeddedStoreTest, AFailedCommitDoesNotBringOldSessionsBack) {
  run(full_disk_after_a_crash);
}

// A child makes changes and writes the number of each acknowledged one to a pipe until it is
// killed.
Task<void> write_until_killed(std::string path, runtime::Shard& shard, int out) {
  auto opened = co_await EmbeddedStore::open(shard, path);
  if (!opened) ::_exit(3);
  auto listed = co_await (*opened)->children("/", Watch::no);
  if (!listed) ::_exit(4);
  for (auto i = static_cast<std::int32_t>(listed->names.size());; i += 2) {
    auto first = create(**opened, "/n" + std::to_string(i), std::to_string(i));
    auto second = create(**opened, "/n" + std::to_string(i + 1), std::to_string(i + 1));
    auto made = co_await std::move(first);
    auto also = co_await std::move(second);
    if (!made || !also) ::_exit(5);
    if (::write(out, &i, sizeof i) != sizeof i) ::_exit(6);
  }
}

Task<void> expect_all_acknowledged(EmbeddedWorld& world, std::int32_t last, std::size_t& count) {
  auto opened = co_await world.open();
  EXPECT_TRUE(opened) << opened.error().detail;
  GREGOR_REQUIRE(opened);
  for (std::int32_t i = 0; i <= last + 1; ++i) {
    auto read = co_await (*opened)->get("/n" + std::to_string(i), Watch::no);
    GREGOR_REQUIRE(read);
    EXPECT_EQ(read->data, std::to_string(i));
  }
  auto listed = co_await (*opened)->children("/", Watch::no);
  GREGOR_REQUIRE(listed);
  count = listed->names.size();
  co_await (*opened)->close();
}

TEST_F(EmbeddedStoreTest, KillKeepsWhatWasAcknowledged) {
  std::mt19937 random(11);
  std::int32_t last = -2;
  for (int round = 0; round < 8; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      runtime::real::RealRuntime runtime({.shard_count = 1, .io_threads = 1});
      runtime.start();
      auto& shard = runtime.shard(runtime::ShardId(0));
      runtime.run([&] { return write_until_killed(world_.path(), shard, ends[1]); });
      ::_exit(7);
    }
    ::close(ends[1]);
    std::int32_t number = 0;
    const auto wanted = 1 + random() % 40;
    std::size_t seen = 0;
    while (::read(ends[0], &number, sizeof number) == sizeof number) {
      last = number;
      if (++seen == wanted) {
        ASSERT_EQ(::kill(child, SIGKILL), 0);
      }
    }
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself: " << WEXITSTATUS(status);
    std::size_t count = 0;
    world_.run([&] { return expect_all_acknowledged(world_, last, count); });
    ASSERT_EQ(count % 2, 0u) << "changes of one transaction came apart";
    last = static_cast<std::int32_t>(count) - 2;
  }
  EXPECT_GT(last, 50);
}

}  // namespace
}  // namespace gregor::metadata
