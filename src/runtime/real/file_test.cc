// Files, directories and locks of the operating system.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <array>
#include <csignal>

#include "runtime/real/posix_file_system.h"
#include "runtime/real/test_support.h"

namespace gregor::runtime::real {
namespace {

class FileTest : public ::testing::Test {
 protected:
  std::shared_ptr<File> open(const std::string& name, OpenMode mode) {
    auto file = files_.open(directory_ / name, mode);
    EXPECT_TRUE(file.has_value()) << file.error().detail;
    return *file;
  }
  int open_error(const std::string& name, OpenMode mode) {
    const auto file = files_.open(directory_ / name, mode);
    EXPECT_FALSE(file.has_value());
    if (file) return 0;
    EXPECT_EQ(file.error().code, ErrorCode::kafka_storage_error);
    EXPECT_NE(file.error().detail.find(directory_ / name), std::string::npos)
        << file.error().detail;
    return file.error().os_error;
  }
  TemporaryDirectory directory_;
  PosixFileSystem files_;
};

TEST_F(FileTest, reads_what_was_written_in_parts) {
  const auto file = open("f", OpenMode::create_new);
  const auto bytes = pattern_bytes(100'000);
  std::vector<ByteView> parts;  // more than one pwritev takes
  for (std::size_t at = 0; at < bytes.size(); at += 40)
    parts.push_back(ByteView(bytes).subspan(at, 40));
  ASSERT_GT(parts.size(), 1024U);
  ASSERT_TRUE(file->write_at(7, parts).has_value());
  EXPECT_EQ(*file->size(), bytes.size() + 7);
  std::vector<std::byte> room(bytes.size() + 50);
  EXPECT_EQ(*file->read_at(7, room), bytes.size());
  room.resize(bytes.size());
  EXPECT_EQ(room, bytes);
  EXPECT_EQ(*file->read_at(bytes.size() + 7, room), 0U);
  EXPECT_TRUE(file->sync_data().has_value());
  EXPECT_GE(file->descriptor(), 0);
}

TEST_F(FileTest, truncate_cuts_and_extends_with_zeros) {
  const auto file = open("f", OpenMode::create);
  ASSERT_TRUE(file->write_at(0, as_bytes("abcdef")).has_value());
  ASSERT_TRUE(file->truncate(3).has_value());
  ASSERT_TRUE(file->truncate(5).has_value());
  std::vector<std::byte> room(9);
  ASSERT_EQ(*file->read_at(0, room), 5U);
  EXPECT_EQ(as_text(ByteView(room).first(5)), std::string_view("abc\0\0", 5));
}

TEST_F(FileTest, open_modes) {
  EXPECT_EQ(open_error("absent", OpenMode::read), ENOENT);
  EXPECT_EQ(open_error("absent", OpenMode::read_write), ENOENT);
  { const auto made = open("f", OpenMode::create_new); }
  EXPECT_EQ(open_error("f", OpenMode::create_new), EEXIST);
  const auto read_only = open("f", OpenMode::read);
  const auto written = read_only->write_at(0, as_bytes("x"));
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().os_error, EBADF);
  EXPECT_NE(written.error().detail.find(directory_ / "f"), std::string::npos);
  struct stat status {};
  ASSERT_EQ(::stat((directory_ / "f").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777 & ~0640U, 0U);
  EXPECT_NE(::fcntl(read_only->descriptor(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(FileTest, only_regular_files_are_opened) {
  ASSERT_EQ(::mkfifo((directory_ / "fifo").c_str(), 0600), 0);
  ASSERT_EQ(::symlink("/etc/passwd", (directory_ / "link").c_str()), 0);
  ASSERT_EQ(::symlink("nowhere", (directory_ / "dangling").c_str()), 0);
  ASSERT_TRUE(files_.create_directory(directory_ / "d").has_value());
  for (const OpenMode mode : {OpenMode::read, OpenMode::read_write, OpenMode::create}) {
    EXPECT_EQ(open_error("fifo", mode), EINVAL);
    EXPECT_EQ(open_error("link", mode), ELOOP);
    EXPECT_EQ(open_error("dangling", mode), ELOOP);
    EXPECT_EQ(open_error("d", mode), EISDIR);
  }
  EXPECT_EQ(open_error("dangling", OpenMode::create_new), EEXIST);
}

TEST_F(FileTest, lists_sorted_and_tells_what_things_are) {
  ASSERT_TRUE(files_.create_directory(directory_ / "b").has_value());
  ASSERT_TRUE(files_.create_directory(directory_ / "b").has_value());
  ASSERT_TRUE(open("c", OpenMode::create)->write_at(0, as_bytes("12345")).has_value());
  ASSERT_EQ(::mkfifo((directory_ / "a").c_str(), 0600), 0);
  ASSERT_EQ(::symlink("b", (directory_ / "d").c_str()), 0);
  const auto entries = files_.list(directory_.path());
  ASSERT_TRUE(entries.has_value()) << entries.error().detail;
  ASSERT_EQ(entries->size(), 4U);
  EXPECT_EQ((*entries)[0].name, "a");
  EXPECT_FALSE((*entries)[0].is_regular || (*entries)[0].is_directory);
  EXPECT_EQ((*entries)[1].name, "b");
  EXPECT_TRUE((*entries)[1].is_directory);
  EXPECT_EQ((*entries)[2].name, "c");
  EXPECT_TRUE((*entries)[2].is_regular);
  EXPECT_EQ((*entries)[2].size, 5U);
  EXPECT_GT((*entries)[2].modified_ms, 1'700'000'000'000);
  EXPECT_FALSE((*entries)[3].is_regular || (*entries)[3].is_directory);
  EXPECT_EQ(files_.list(directory_ / "absent").error().os_error, ENOENT);
  EXPECT_EQ(files_.list(directory_ / "c").error().os_error, ENOTDIR);
  EXPECT_FALSE(files_.list(directory_ / "d").has_value());
}

TEST_F(FileTest, sets_when_a_file_was_changed_last) {
  { const auto made = open("f", OpenMode::create); }
  for (const std::int64_t wall_ms : {1'700'000'000'123LL, 0LL}) {
    ASSERT_TRUE(set_modified(files_, directory_ / "f", wall_ms).has_value());
    EXPECT_EQ(files_.stat(directory_ / "f")->modified_ms, wall_ms);
  }
  EXPECT_EQ(set_modified(files_, directory_ / "absent", 0).error().os_error, ENOENT);
}

TEST_F(FileTest, stat_renames_and_removes) {
  { const auto made = open("f", OpenMode::create); }
  EXPECT_TRUE(files_.stat(directory_ / "f")->is_regular);
  EXPECT_EQ(files_.stat(directory_ / "f")->name, directory_ / "f");
  const auto space = files_.space(directory_ / "");
  ASSERT_TRUE(space.has_value()) << space.error().detail;
  EXPECT_GT(space->usable_bytes, 0u);
  EXPECT_GE(space->total_bytes, space->usable_bytes);
  EXPECT_EQ(files_.space(directory_ / "none").error().os_error, ENOENT);
  ASSERT_TRUE(files_.rename(directory_ / "f", directory_ / "g").has_value());
  EXPECT_EQ(files_.stat(directory_ / "f").error().os_error, ENOENT);
  EXPECT_EQ(files_.rename(directory_ / "f", directory_ / "h").error().os_error, ENOENT);
  ASSERT_TRUE(files_.create_directory(directory_ / "d").has_value());
  ASSERT_TRUE(files_.rename(directory_ / "g", directory_ / "d/g").has_value());
  EXPECT_EQ(files_.remove(directory_ / "d").error().os_error, ENOTEMPTY);
  EXPECT_TRUE(files_.sync_directory(directory_ / "d").has_value());
  EXPECT_EQ(files_.sync_directory(directory_ / "absent").error().os_error, ENOENT);
  EXPECT_TRUE(files_.remove(directory_ / "d/g").has_value());
  EXPECT_TRUE(files_.remove(directory_ / "d/g").has_value());
  EXPECT_TRUE(files_.remove(directory_ / "d").has_value());
  EXPECT_EQ(files_.create_directory(directory_ / "x/y").error().os_error, ENOENT);
}

TEST_F(FileTest, a_removed_file_stays_readable) {
  const auto file = open("f", OpenMode::create);
  ASSERT_TRUE(file->write_at(0, as_bytes("still here")).has_value());
  ASSERT_TRUE(files_.remove(directory_ / "f").has_value());
  std::vector<std::byte> room(10);
  EXPECT_EQ(*file->read_at(0, room), 10U);
}

TEST_F(FileTest, residency_follows_the_page_cache) {
  const auto file = open("f", OpenMode::create);
  ASSERT_TRUE(file->write_at(0, pattern_bytes(1'000'000)).has_value());
  EXPECT_TRUE(file->is_resident(0, 1'000'000));
  EXPECT_TRUE(file->is_resident(123, 0));
  ASSERT_TRUE(file->sync_data().has_value());
  ASSERT_EQ(::posix_fadvise(file->descriptor(), 0, 0, POSIX_FADV_DONTNEED), 0);
  if (file->is_resident(0, 1'000'000)) GTEST_SKIP() << "this file system keeps its pages";
  std::vector<std::byte> room(1'000'000);
  ASSERT_EQ(*file->read_at(0, room), room.size());
  EXPECT_TRUE(file->is_resident(0, 1'000'000));
}

TEST_F(FileTest, a_lock_excludes_this_process_and_others) {
  const std::string path = directory_ / ".lock";
  auto held = files_.lock(path);
  ASSERT_TRUE(held.has_value()) << held.error().detail;
  const auto again = files_.lock(path);
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().os_error, EWOULDBLOCK);
  auto try_lock = [&] { return files_.lock(path).has_value() ? 0 : 1; };
  EXPECT_EQ(in_child(try_lock), 1);
  // What Java's FileChannel.tryLock does.
  auto try_as_java = [&] {
    const int descriptor = ::open(path.c_str(), O_RDWR);
    struct flock whole_file {};
    whole_file.l_type = F_WRLCK;
    return ::fcntl(descriptor, F_SETLK, &whole_file) == 0 ? 0 : 1;
  };
  EXPECT_EQ(in_child(try_as_java), 1);
  held->reset();
  EXPECT_EQ(in_child(try_lock), 0);
  EXPECT_EQ(in_child(try_as_java), 0);
  EXPECT_TRUE(files_.lock(path).has_value());
}

TEST_F(FileTest, a_device_is_not_opened_and_a_size_out_of_range_is_an_error) {
  EXPECT_EQ(os_error_of(files_.open("/dev/null", OpenMode::read_write)), EINVAL);
  const auto file = open("f", OpenMode::create);
  EXPECT_NE(os_error_of(file->truncate(1ULL << 62)), 0);
}

TEST_F(FileTest, a_write_that_finds_room_for_a_part_only_is_an_error) {
  const std::string path = directory_ / "f";
  auto write_too_much = [&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    const auto file = files_.open(path, OpenMode::create);
    const auto bytes = pattern_bytes(600);
    const std::array<ByteView, 3> parts{ByteView(bytes), ByteView(bytes), ByteView(bytes)};
    if (!file) return 2;
    const auto written = (*file)->write_at(0, parts);
    return os_error_of(written) == EFBIG ? 0 : 3;
  };
  EXPECT_EQ(in_child(write_too_much), 0);
  EXPECT_EQ(files_.stat(path)->size, 1000U);  // the prefix that the caller cuts
}

}  // namespace
}  // namespace gregor::runtime::real
