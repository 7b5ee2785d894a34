// Result<T>: a value or an Error. The one alias to change when std::expected is available
// everywhere.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "base/error_code.h"

namespace gregor {

/// Why something failed. `code` is what a client may be told, `detail` is for logs and people and
/// is never parsed.
struct Error {
  ErrorCode code = ErrorCode::unknown_server_error;
  std::string detail;
  /// errno of the operating system if a system call failed, else 0.
  int os_error = 0;
};

template <class T>
using Result = tl::expected<T, Error>;

/// `return fail(ErrorCode::corrupt_message, "...")` in a function that returns any Result.
[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string detail,
                                                int os_error = 0) {
  return tl::unexpected<Error>(Error{code, std::move(detail), os_error});
}

/// Passes an error on: `if (!r) return fail(std::move(r.error()));`
[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace gregor
