// The simulated disk: what the file system answers, and what kill and power loss leave.
#include "runtime/simulated/disk.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/simulated/test_support.h"

namespace gregor::runtime::simulated {
namespace {

class DiskTest : public ::testing::Test {
 protected:
  DiskTest() : node_(world_.add_node("a")) { node_.boot(1); }
  FileSystem& files() { return node_.file_system(); }
  void reboot(CrashKind kind) {
    node_.crash(kind);
    node_.destroy_shards();
    node_.boot(1);
  }
  World world_;
  Node& node_;
};

TEST_F(DiskTest, ReadsWhatWasWritten) {
  const auto file = open_file(files(), "/f", OpenMode::create_new);
  const std::string first = "hello ";
  const std::string second(5000, 'w');
  const ByteView parts[] = {as_bytes(first), as_bytes(second)};
  ASSERT_TRUE(file->write_at(0, parts));
  EXPECT_EQ(contents(files(), "/f"), first + second);
  ASSERT_TRUE(file->truncate(8));
  ASSERT_TRUE(file->truncate(10));
  EXPECT_EQ(contents(files(), "/f"), std::string("hello ww\0\0", 10));
  EXPECT_EQ(write_text(*file, 12, "x"), 0);
  EXPECT_EQ(contents(files(), "f"), std::string("hello ww\0\0\0\0x", 13));
  std::byte byte{};
  EXPECT_EQ(file->read_at(13, {&byte, 1}), 0U);
  EXPECT_EQ(file->descriptor(), -1);
  EXPECT_TRUE(file->is_resident(0, 13));
  EXPECT_EQ(write_text(*open_file(files(), "/f", OpenMode::read), 0, "x"), EBADF);
}

TEST_F(DiskTest, HolesTakeNoRoom) {
  const auto file = open_file(files(), "/f");
  ASSERT_TRUE(file->truncate(10U << 20));
  EXPECT_EQ(node_.disk().bytes_used(), 0U);
  EXPECT_EQ(write_text(*file, 5U << 20, "x"), 0);
  EXPECT_EQ(node_.disk().bytes_used(), 4096U);
  EXPECT_EQ(file->truncate(1ULL << 40).error().os_error, EFBIG);
}

TEST_F(DiskTest, NamesAsPosix) {
  ASSERT_TRUE(files().create_directory("/d"));
  ASSERT_TRUE(files().create_directory("/d"));
  EXPECT_EQ(files().create_directory("/no/d").error().os_error, ENOENT);
  open_file(files(), "/d/f");
  EXPECT_EQ(files().create_directory("/d/f").error().os_error, EEXIST);
  EXPECT_EQ(files().open("/d/f", OpenMode::create_new).error().os_error, EEXIST);
  EXPECT_EQ(files().open("/d/g", OpenMode::read).error().os_error, ENOENT);
  EXPECT_EQ(files().open("/d", OpenMode::read).error().os_error, EISDIR);
  EXPECT_EQ(files().open("/d/f/g", OpenMode::create).error().os_error, ENOTDIR);
  EXPECT_EQ(files().open("/d/../f", OpenMode::create).error().os_error, EINVAL);
  EXPECT_EQ(files().open("/" + std::string(256, 'n'), OpenMode::create).error().os_error,
            ENAMETOOLONG);
  EXPECT_EQ(files().open("/d/g", OpenMode::read).error().code, ErrorCode::kafka_storage_error);
  EXPECT_EQ(files().remove("/d").error().os_error, ENOTEMPTY);
  EXPECT_TRUE(files().remove("/d/none"));
  EXPECT_TRUE(files().remove("/none/none"));
  EXPECT_EQ(files().rename("/d/none", "/d/x").error().os_error, ENOENT);
  EXPECT_EQ(files().rename("/d", "/d/x").error().os_error, EINVAL);
  EXPECT_EQ(files().rename("/d/f", "/d").error().os_error, EISDIR);
  open_file(files(), "/d/a");
  const auto entries = files().list("/d");
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 2U);
  EXPECT_EQ((*entries)[0].name, "a");
  EXPECT_TRUE((*entries)[0].is_regular);
  EXPECT_EQ(files().list("/d/a").error().os_error, ENOTDIR);
  EXPECT_EQ(files().list("/none").error().os_error, ENOENT);
  EXPECT_TRUE(files().stat("/d")->is_directory);
  EXPECT_EQ(files().stat("/d/f")->modified_ms, 1'700'000'000'000);
  EXPECT_EQ(files().sync_directory("/none").error().os_error, ENOENT);
}

TEST_F(DiskTest, RenameReplacesAndOpenFilesStay) {
  const auto old = open_file(files(), "/old");
  EXPECT_EQ(write_text(*old, 0, "old"), 0);
  EXPECT_EQ(write_text(*open_file(files(), "/new"), 0, "new"), 0);
  ASSERT_TRUE(files().rename("/new", "/old"));
  EXPECT_EQ(contents(files(), "/old"), "new");
  EXPECT_EQ(contents(files(), "/new"), "(2)");
  ASSERT_TRUE(files().remove("/old"));
  EXPECT_EQ(old->size(), 3U);
  EXPECT_EQ(write_text(*old, 3, "er"), 0);
}

TEST_F(DiskTest, LocksAreExclusiveAndEndWithTheLife) {
  auto lock = files().lock("/.lock");
  ASSERT_TRUE(lock);
  EXPECT_EQ(files().lock("/.lock").error().os_error, EWOULDBLOCK);
  lock->reset();
  lock = files().lock("/.lock");
  ASSERT_TRUE(lock);
  node_.crash(CrashKind::kill);
  node_.destroy_shards();
  node_.boot(1);
  const auto next = files().lock("/.lock");
  ASSERT_TRUE(next);
  lock->reset();  // a dead one gives nothing back
  EXPECT_FALSE(files().lock("/.lock"));
}

TEST_F(DiskTest, InjectedErrors) {
  const auto file = open_file(files(), "/f");
  node_.disk().fail_nth(FileOperation::write, 2, ENOSPC);
  node_.disk().fail_nth(FileOperation::rename, 1, EIO);
  node_.disk().fail_nth(FileOperation::read, 1, EIO);
  EXPECT_EQ(write_text(*file, 0, "one"), 0);
  EXPECT_EQ(write_text(*file, 3, "two"), ENOSPC);
  EXPECT_LT(*file->size(), 6U);  // a prefix
  EXPECT_EQ(write_text(*file, 3, "two"), 0);
  EXPECT_EQ(files().rename("/f", "/g").error().os_error, EIO);
  EXPECT_EQ(contents(files(), "/f"), "(5)");
  EXPECT_EQ(contents(files(), "/f"), "onetwo");
  EXPECT_EQ(node_.disk().count(FileOperation::write), 3U);
  EXPECT_EQ(node_.disk().count(FileOperation::create), 1U);
  EXPECT_EQ(node_.disk().count(FileOperation::rename), 1U);
  EXPECT_EQ(node_.disk().effectful_count(), 5U);
}

TEST_F(DiskTest, FullDiskTakesAPrefix) {
  node_.disk().set_bytes_max(10);
  const auto file = open_file(files(), "/f");
  EXPECT_EQ(write_text(*file, 0, "12345678"), 0);
  EXPECT_EQ(write_text(*file, 8, "90ab"), ENOSPC);
  EXPECT_EQ(contents(files(), "/f"), "1234567890");
  ASSERT_TRUE(files().remove("/f"));
  EXPECT_EQ(write_text(*open_file(files(), "/g"), 0, "12345678"), 0);
}

TEST_F(DiskTest, KillKeepsWhatWasNotSynced) {
  EXPECT_EQ(write_text(*open_file(files(), "/f"), 0, "cached"), 0);
  ASSERT_TRUE(files().create_directory("/d"));
  reboot(CrashKind::kill);
  EXPECT_EQ(contents(files(), "/f"), "cached");
  EXPECT_TRUE(files().stat("/d"));
}

TEST_F(DiskTest, WhatIsCachedThroughAKillMayBeLostByPowerLater) {
  std::set<std::string> outcomes;
  for (int i = 0; i < 40; ++i) {
    put_durable(files(), "/f", "durable");
    EXPECT_EQ(write_text(*open_file(files(), "/f"), 0, "changed"), 0);
    reboot(CrashKind::kill);
    EXPECT_EQ(contents(files(), "/f"), "changed");
    reboot(CrashKind::power);
    outcomes.insert(contents(files(), "/f"));
  }
  EXPECT_TRUE(outcomes.contains("durable"));
  EXPECT_TRUE(outcomes.contains("changed"));
}

TEST_F(DiskTest, PowerLossLosesAndTearsOnlyWhatWasNotSynced) {
  const std::string durable(1300, 'd');
  int lost = 0;
  int kept = 0;
  int torn = 0;
  for (int i = 0; i < 200; ++i) {
    put_durable(files(), "/f", durable);
    const auto file = open_file(files(), "/f");
    EXPECT_EQ(write_text(*file, durable.size(), std::string(3000, 'n')), 0);
    reboot(CrashKind::power);
    const std::string left = contents(files(), "/f");
    ASSERT_GE(left.size(), durable.size());
    ASSERT_LE(left.size(), durable.size() + 3000);
    EXPECT_EQ(left.substr(0, durable.size()), durable);
    const std::string tail = left.substr(durable.size());
    if (tail.empty()) ++lost;
    if (tail == std::string(3000, 'n')) ++kept;
    if (tail.find_first_not_of(std::string("n\0", 2)) != std::string::npos) ++torn;
    ASSERT_TRUE(files().remove("/f"));
    ASSERT_TRUE(files().sync_directory("/"));
  }
  EXPECT_GT(lost, 10);
  EXPECT_GT(kept, 10);
  EXPECT_GT(torn, 10);
}

TEST_F(DiskTest, OverwrittenSectorsAreOldOrNewOrCutBetween) {
  const std::string old(2048, 'o');
  std::set<char> seen;
  int mixed = 0;
  for (int i = 0; i < 100; ++i) {
    put_durable(files(), "/f", old);
    EXPECT_EQ(write_text(*open_file(files(), "/f"), 100, std::string(1500, 'n')), 0);
    reboot(CrashKind::power);
    const std::string left = contents(files(), "/f");
    ASSERT_EQ(left.size(), old.size());
    EXPECT_EQ(left.substr(0, 100), old.substr(0, 100));
    EXPECT_EQ(left.substr(1600), old.substr(1600));
    seen.insert(left.begin(), left.end());
    if (left.find('n') != std::string::npos && left.find('o', 100) < 1600) ++mixed;
  }
  EXPECT_EQ(seen, (std::set<char>{'n', 'o'}));
  EXPECT_GT(mixed, 10);
}

TEST_F(DiskTest, UnsyncedTruncationIsAnySizeInBetween) {
  std::set<std::size_t> sizes;
  for (int i = 0; i < 100; ++i) {
    put_durable(files(), "/f", std::string(3000, 'o'));
    const auto file = open_file(files(), "/f");
    ASSERT_TRUE(file->truncate(1000));
    EXPECT_EQ(write_text(*file, 1000, std::string(500, 'n')), 0);
    reboot(CrashKind::power);
    const std::string left = contents(files(), "/f");
    sizes.insert(left.size());
    EXPECT_EQ(left.substr(0, 1000), std::string(1000, 'o'));
    EXPECT_EQ(left.find_first_not_of("o", 1500), std::string::npos);
  }
  EXPECT_TRUE(sizes.contains(1000));
  EXPECT_TRUE(sizes.contains(1500));
  EXPECT_TRUE(sizes.contains(3000));
}

TEST_F(DiskTest, AFailedSyncIsNeverMadeUpByALaterOne) {
  for (int i = 0; i < 20; ++i) {
    put_durable(files(), "/f", "durable");
    const auto file = open_file(files(), "/f");
    EXPECT_EQ(write_text(*file, 0, "changed"), 0);
    node_.disk().fail_nth(FileOperation::sync_data, 1, EIO);
    EXPECT_EQ(file->sync_data().error().os_error, EIO);
    EXPECT_TRUE(file->sync_data());
    EXPECT_EQ(contents(files(), "/f"), "changed");
    reboot(CrashKind::power);
    EXPECT_EQ(contents(files(), "/f"), "durable");
  }
}

TEST_F(DiskTest, SyncedContentsWithoutASyncedNameMayVanish) {
  int vanished = 0;
  for (int i = 0; i < 100; ++i) {
    const auto file = open_file(files(), "/f");
    EXPECT_EQ(write_text(*file, 0, "text"), 0);
    ASSERT_TRUE(file->sync_data());
    reboot(CrashKind::power);
    const std::string left = contents(files(), "/f");
    if (left == "(2)") {
      ++vanished;
    } else {
      EXPECT_EQ(left, "text");
    }
    ASSERT_TRUE(files().remove("/f"));
    ASSERT_TRUE(files().sync_directory("/"));
  }
  EXPECT_GT(vanished, 10);
  EXPECT_LT(vanished, 90);
}

TEST_F(DiskTest, UnsyncedNamesAreKeptAsAPrefixOfTheirOrder) {
  std::set<std::string> outcomes;
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(files().create_directory("/d"));
    ASSERT_TRUE(files().sync_directory("/"));
    put_durable(files(), "/d/old", "old");
    put_durable(files(), "/d/tmp", "new");
    ASSERT_TRUE(files().rename("/d/tmp", "/d/old"));
    open_file(files(), "/d/a");
    ASSERT_TRUE(files().remove("/d/old"));
    reboot(CrashKind::power);
    std::string names;
    const auto entries = files().list("/d");
    ASSERT_TRUE(entries);
    for (const FileInfo& entry : *entries) names += entry.name + " ";
    outcomes.insert(names + contents(files(), "/d/old"));
    for (const FileInfo& entry : *entries) ASSERT_TRUE(files().remove("/d/" + entry.name));
    ASSERT_TRUE(files().sync_directory("/d"));
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"old tmp old", "old new", "a old new", "a (2)"}));
}

TEST_F(DiskTest, SyncedNamesStay) {
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(files().create_directory("/d"));
    put_durable(files(), "/d/f", "text");
    ASSERT_TRUE(files().sync_directory("/"));
    ASSERT_TRUE(files().rename("/d/f", "/g"));
    ASSERT_TRUE(files().sync_directory("/"));  // of one of both directories: the rename is whole
    reboot(CrashKind::power);
    EXPECT_EQ(contents(files(), "/g"), "text");
    EXPECT_EQ(contents(files(), "/d/f"), "(2)");
    ASSERT_TRUE(files().remove("/g"));
  }
}

TEST_F(DiskTest, AFileInADirectoryThatWasNotSyncedVanishesWithIt) {
  int vanished = 0;
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(files().create_directory("/d"));
    put_durable(files(), "/d/f", "text");  // syncs /d, not /
    reboot(CrashKind::power);
    if (files().stat("/d")) {
      EXPECT_EQ(contents(files(), "/d/f"), "text");
    } else {
      ++vanished;
    }
    ASSERT_TRUE(files().remove("/d/f"));
    ASSERT_TRUE(files().remove("/d"));
    ASSERT_TRUE(files().sync_directory("/"));
  }
  EXPECT_GT(vanished, 5);
}

TEST_F(DiskTest, TheTestsViewWorksWhileTheNodeIsDown) {
  node_.crash(CrashKind::kill);
  node_.destroy_shards();
  put_durable(node_.outside_files(), "/planted", "x");
  EXPECT_EQ(node_.disk().effectful_count(), 0U);
  node_.crash(CrashKind::power);
  node_.boot(1);
  EXPECT_EQ(contents(files(), "/planted"), "x");
}

}  // namespace
}  // namespace gregor::runtime::simulated
