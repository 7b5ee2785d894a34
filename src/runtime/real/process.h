// What concerns the whole process: descriptor limit, signals that are ignored, names of threads,
// entropy, error texts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "runtime/process_usage.h"

namespace gregor::runtime::real {

/// Raises the soft limit of open descriptors to the hard one. @return the limit that holds now.
/// Call at start.
[[nodiscard]] Result<std::uint64_t> raise_descriptor_limit();

/// A peer that went away must be an error of that write, not the end of the process (sendfile has
/// no MSG_NOSIGNAL).
void ignore_broken_pipes();

/// Leaves signals to main's thread, so that no system call on this one is interrupted.
void block_signals_of_this_thread();

/// Shown by ps -L and debuggers; cut to 15 characters.
void name_this_thread(const std::string& name);

/// Processors that this process may use; >= 1.
[[nodiscard]] std::uint32_t processor_count();

/// Asks the kernel; takes longer with many open descriptors. Thread: any.
[[nodiscard]] ProcessUsage process_usage();

/// 64 bits from the kernel.
[[nodiscard]] std::uint64_t random_seed();

/// An Error "<what> <about>: <text of os_error>". Thread: any.
[[nodiscard]] Error os_failure(ErrorCode code, std::string_view what, std::string_view about,
                               int os_error);

}  // namespace gregor::runtime::real
