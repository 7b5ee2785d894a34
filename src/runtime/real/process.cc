#include "runtime/real/process.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/random.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

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
