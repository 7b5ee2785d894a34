#include "runtime/real/posix_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "base/assert.h"
#include "runtime/real/part_cursor.h"
#include "runtime/real/process.h"

namespace gregor::runtime::real {
namespace {

constexpr std::size_t parts_per_call_max = 1024;  // IOV_MAX on Linux
// Read-ahead brings in 128 KiB and more at a time, and what was not used for long goes first, so
// probes this far apart find nearly every hole.
constexpr std::uint64_t residency_step_bytes = 256 * 1024;
constexpr std::uint64_t residency_probes_max = 64;

}  // namespace

PosixFile::~PosixFile() { ::close(descriptor_); }

tl::unexpected<Error> PosixFile::failure(std::string_view what) const {
  return fail(os_failure(ErrorCode::kafka_storage_error, what, path_, errno));
}

Result<std::size_t> PosixFile::read_at(std::uint64_t position, ByteSpan out) const {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = ::pread(descriptor_, out.data() + done, out.size() - done,
                                static_cast<off_t>(position + done));
    if (got == 0) break;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure("read");
    done += static_cast<std::size_t>(got);
  }
  return done;
}

Result<void> PosixFile::write_at(std::uint64_t position, std::span<const ByteView> parts) {
  PartCursor cursor(parts);
  std::array<iovec, parts_per_call_max> vectors;
  while (!cursor.at_end()) {
    const std::size_t count = cursor.fill(vectors, std::numeric_limits<int>::max());
    const ssize_t wrote = ::pwritev(descriptor_, vectors.data(), static_cast<int>(count),
                                    static_cast<off_t>(position));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return failure("write");
    if (wrote == 0) {
      return fail(os_failure(ErrorCode::kafka_storage_error, "write", path_, EIO));
    }
    cursor.advance(static_cast<std::size_t>(wrote));
    position += static_cast<std::uint64_t>(wrote);
  }
  return {};
}

// No retry on any error: a second fdatasync would report success for pages that were dropped.
Result<void> PosixFile::sync_data() {
  if (::fdatasync(descriptor_) != 0) return failure("fdatasync");
  return {};
}

Result<void> PosixFile::truncate(std::uint64_t size) {
  while (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) {
    if (errno != EINTR) return failure("truncate");
  }
  return {};
}

Result<std::uint64_t> PosixFile::size() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) return failure("stat");
  return static_cast<std::uint64_t>(status.st_size);
}

bool PosixFile::is_byte_resident(std::uint64_t position) const {
  std::byte byte{};
  iovec vector{&byte, 1};
  // 0: behind the end of the file, nothing to wait for.
  return ::preadv2(descriptor_, &vector, 1, static_cast<off_t>(position), RWF_NOWAIT) >= 0;
}

bool PosixFile::is_resident(std::uint64_t position, std::uint64_t size) const {
  if (size == 0) return true;
  if (!is_byte_resident(position)) {
    if (errno != EOPNOTSUPP) return false;
    struct statfs system {};
    return ::fstatfs(descriptor_, &system) == 0 && system.f_type == TMPFS_MAGIC;
  }
  const std::uint64_t last = position + size - 1;
  std::uint64_t probes = 0;
  for (std::uint64_t at = position + residency_step_bytes;
       at < last && probes < residency_probes_max; at += residency_step_bytes, ++probes) {
    if (!is_byte_resident(at)) return false;
  }
  return is_byte_resident(last);
}

}  // namespace gregor::runtime::real
