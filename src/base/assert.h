// GREGOR_ASSERT: states an invariant, stays on in every build, never checks input. A broken one
// ends the process.
#pragma once

namespace gregor {
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);
}

#define GREGOR_ASSERT(condition)                     \
  (__builtin_expect(static_cast<bool>(condition), 1) \
       ? static_cast<void>(0)                        \
       : ::gregor::assertion_failed(#condition, __FILE__, __LINE__))
