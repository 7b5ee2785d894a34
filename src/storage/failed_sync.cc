#include "storage/failed_sync.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/log.h"
#include "storage/file_names.h"

namespace gregor::storage {
namespace {

constexpr std::size_t window_bytes = std::size_t{1} << 20;

std::string note_path(const std::string& log_dir) { return join_path(log_dir, names::sync_failed); }

}  // namespace

void note_failed_sync(runtime::FileSystem& files, const std::string& log_dir) {
  const auto note = files.open(note_path(log_dir), runtime::OpenMode::create);
  if (note) return;
  log::error(
      "storage",
      "{}: restart the machine, not only the broker: a sync failed, which can't be noted for "
      "the next start: {}",
      log_dir, note.error().detail);
}

Result<bool> has_failed_sync(runtime::FileSystem& files, const std::string& log_dir) {
  const auto note = files.stat(note_path(log_dir));
  if (note) return true;
  if (note.error().os_error == ENOENT) return false;
  return fail(note.error());
}

Result<void> forget_failed_sync(runtime::FileSystem& files, const std::string& log_dir) {
  return files.remove(note_path(log_dir));
}

Result<void> write_again(runtime::File& file, std::uint64_t from, std::uint64_t end) {
  std::vector<std::byte> window(window_bytes);
  while (from < end) {
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(window.size(), end - from));
    const auto got = file.read_at(from, ByteSpan(window).first(wanted));
    if (!got) return fail(got.error());
    if (*got < wanted)
      return fail(ErrorCode::kafka_storage_error, "the file is shorter than it was");
    if (auto wrote = file.write_at(from, ByteView(window).first(wanted)); !wrote) return wrote;
    from += wanted;
  }
  return file.sync_data();
}

}  // namespace gregor::storage
