// power_cut MOUNTPOINT [PID]: makes an ext4 or XFS file system drop everything that is not yet on
// its device, its journal included, as if the power had failed. From then on every call on it
// fails; it has to be unmounted and mounted again. Needs root, and is meant for a file system made
// for the purpose.
//
// PID is the process that works on it: it is stopped first, as it would be in truth. Without that
// a sync that is under way can report success although the journal was dropped while it waited for
// its data (seen on Linux 6.18: one answer in some hundred cuts, within 0.2 ms of the cut).
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>

namespace {

// EXT4_IOC_SHUTDOWN = XFS_IOC_GOINGDOWN; the flag is EXT4_GOING_FLAGS_NOLOGFLUSH (fs/ext4/ext4.h).
constexpr unsigned long shutdown_request = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t no_log_flush = 2;
constexpr int stop_polls_max = 20000;

// The state letter follows the name, which is in brackets and may hold anything.
char state_of(const std::filesystem::path& task) {
  std::ifstream file(task / "stat");
  std::string line;
  std::getline(file, line);
  const std::size_t bracket = line.rfind(')');
  return bracket + 2 < line.size() ? line[bracket + 2] : 'X';
}

// Stopped, or in a system call that it can't come back from before it is stopped.
bool can_run(const std::filesystem::path& tasks) {
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    const char state = state_of(task.path());
    if (state == 'R' || state == 'S') return true;
  }
  return false;
}

bool stop(pid_t process) {
  if (::kill(process, SIGSTOP) != 0) return false;
  const std::filesystem::path tasks = "/proc/" + std::to_string(process) + "/task";
  for (int i = 0; i < stop_polls_max; ++i) {
    if (!can_run(tasks)) return true;
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  errno = ETIMEDOUT;
  return false;
}

int failed(const char* what) {
  std::cerr << "power_cut: " << what << ": " << std::strerror(errno) << "\n";
  return 1;
}

}  // namespace

int main(int count, char** words) {
  if (count != 2 && count != 3) {
    std::cerr << "usage: power_cut MOUNTPOINT [PID]\n";
    return 2;
  }
  const int folder = ::open(words[1], O_RDONLY | O_CLOEXEC);
  if (folder < 0) return failed(words[1]);
  if (count == 3 && !stop(std::stoi(words[2]))) return failed("the process can't be stopped");
  std::uint32_t flag = no_log_flush;
  if (::ioctl(folder, shutdown_request, &flag) != 0) return failed("shutdown");
  ::close(folder);
  return 0;
}
