// What a request ends in: an answer (bytes, with log slices between them), silence, or the end of
// its connection.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "storage/partition_log.h"

namespace gregor::broker {

/// Log slices that are sent between two pieces of an answer's bytes.
struct ResponseInsert {
  std::size_t position = 0;  ///< they go in before bytes[position]
  std::vector<storage::LogSlice> slices;
};

/// A whole frame, size prefix included.
struct ResponseFrame {
  std::vector<std::byte> bytes;
  std::vector<ResponseInsert> inserts;  ///< ascending positions
};

/// Nothing is sent (acks=0).
struct NoResponse {};

/// The connection is closed once the answers before this one are out.
struct CloseConnection {
  std::string reason;  ///< for the log; never payload
};

using Outcome = std::variant<ResponseFrame, NoResponse, CloseConnection>;

}  // namespace gregor::broker
