#include "runtime/real/process.h"

#include <dirent.h>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>

#include "base/assert.h"

namespace gregor::runtime::real {

Result<std::uint64_t> raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return fail(os_failure(ErrorCode::unknown_server_error, "reading", "RLIMIT_NOFILE", errno));
  }
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return fail(os_failure(ErrorCode::unknown_server_error, "raising", "RLIMIT_NOFILE", errno));
  }
  return static_cast<std::uint64_t>(limit.rlim_cur);
}

void ignore_broken_pipes() {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  const int failed = ::sigaction(SIGPIPE, &ignore, nullptr);
  GREGOR_ASSERT(failed == 0);
}

void block_signals_of_this_thread() {
  sigset_t all;
  ::sigfillset(&all);
  const int failed = ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  GREGOR_ASSERT(failed == 0);
}

void name_this_thread(const std::string& name) {
  constexpr std::size_t name_bytes_max = 15;  // the kernel's TASK_COMM_LEN - 1
  const int failed = ::pthread_setname_np(::pthread_self(), name.substr(0, name_bytes_max).c_str());
  GREGOR_ASSERT(failed == 0);
}

std::uint32_t processor_count() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  return std::max(1U, static_cast<std::uint32_t>(CPU_COUNT(&allowed)));
}

namespace {

/// Entries of /proc/self/fd but "." and "..", and but the one that reading it opens.
std::uint64_t count_descriptors() {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  std::uint64_t entries = 0;
  while (::readdir(folder) != nullptr) ++entries;
  ::closedir(folder);
  return entries > 3 ? entries - 3 : 0;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

ProcessUsage process_usage() {
  ProcessUsage usage;
  const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::uint64_t virtual_pages = 0;
  std::uint64_t resident_pages = 0;
  if (std::ifstream file("/proc/self/statm"); file >> virtual_pages >> resident_pages) {
    usage.virtual_bytes = virtual_pages * page_bytes;
    usage.resident_bytes = resident_pages * page_bytes;
  }
  usage.descriptors = count_descriptors();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) usage.descriptors_max = limit.rlim_cur;
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) == 0)
    usage.processor_seconds = seconds(used.ru_utime) + seconds(used.ru_stime);
  return usage;
}

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  // Up to 256 bytes are given whole once the kernel's pool is ready (getrandom(2)); only a signal
  // during boot interrupts.
  while (::getrandom(&seed, sizeof seed, 0) != static_cast<ssize_t>(sizeof seed))
    GREGOR_ASSERT(errno == EINTR);
  return seed;
}

Error os_failure(ErrorCode code, std::string_view what, std::string_view about, int os_error) {
  const char* text = ::strerrordesc_np(os_error);
  return Error{code,
               fmt::format("{} {}: {}", what, about, text != nullptr ? text : "unknown error"),
               os_error};
}

}  // namespace gregor::runtime::real
