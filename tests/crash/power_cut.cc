// power_cut MOUNTPOINT: makes an ext4 or XFS file system drop everything that is not yet on its
// device, its journal included, as if the power had failed. From then on every call on it fails; it
// has to be unmounted and mounted again. Needs root, and is meant for a file system made for the
// purpose.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <iostream>

namespace {

// EXT4_IOC_SHUTDOWN = XFS_IOC_GOINGDOWN; the flag EXT4_GOING_FLAGS_NOLOGFLUSH (fs/ext4/ext4.h of
// Linux).
constexpr unsigned long shutdown_request = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t no_log_flush = 2;

}  // namespace

int main(int count, char** words) {
  if (count != 2) {
    std::cerr << "usage: power_cut MOUNTPOINT\n";
    return 2;
  }
  const int folder = ::open(words[1], O_RDONLY | O_CLOEXEC);
  std::uint32_t flag = no_log_flush;
  if (folder < 0 || ::ioctl(folder, shutdown_request, &flag) != 0) {
    std::cerr << "power_cut " << words[1] << ": " << std::strerror(errno) << "\n";
    return 1;
  }
  ::close(folder);
  return 0;
}
