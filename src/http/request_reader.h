// RequestReader: from the bytes of a connection to requests. No I/O: bytes in, requests out.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "http/message.h"

namespace gregor::http {

/// Cuts heads from the bytes of one connection and has them parsed (request_head.h).
///
/// Stricter than the grammar where leniency has been used to smuggle requests: a line ends with CR
/// LF and nothing else, no folded lines, no control characters. Garbage is refused at its first
/// byte. Thread:    one at a time. Order:     room, added, next until it gives nothing, room ...
/// After a refusal nothing more. Invariant: no more than head_bytes_max bytes are kept.
class RequestReader {
 public:
  static constexpr std::size_t head_bytes_max = 16 * 1024;

  /// Where the next bytes of the connection go; never empty. Valid until the next call.
  [[nodiscard]] ByteSpan room();
  /// So many bytes have been put into room().
  void added(std::size_t bytes);

  /// The next request or refusal; nothing if more bytes are needed.
  /// @errors those of parse_head; 400 forbidden bytes; 414 a request line without an end; 431 a
  /// head without an end
  [[nodiscard]] std::optional<ReadRequest> next();

  /// True while no byte of the next request is here.
  [[nodiscard]] bool is_between_requests() const { return begin_ == end_; }

 private:
  enum class Scan { more, end, forbidden };
  [[nodiscard]] Scan scan();
  [[nodiscard]] Refusal refuse_long_head() const;

  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;    // of the head that is being read
  std::size_t scanned_ = 0;  // bytes before it have been looked at
  std::size_t end_ = 0;
};

}  // namespace gregor::http
