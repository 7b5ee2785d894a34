// Writer: appends the primitive types of the protocol to a growing buffer; the generated encoders
// stand on it.
//
// The first error sticks (a field that the version lacks, null where it is illegal, a text too
// long); encoders judge once at the end and cut the buffer back. Data that is not in memory is a
// gap: see Records in types.h.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/uuid.h"
#include "protocol/types.h"

namespace gregor::protocol {

/// A place where bytes are to be sent that are not in the buffer.
struct Gap {
  std::size_t position = 0;  ///< the outside bytes come before the buffer's byte at this position
  std::uint64_t size = 0;    ///< how many, > 0

  friend bool operator==(const Gap&, const Gap&) = default;
};

/// Builds frames, headers or bodies one behind the other in one buffer.
///
/// Thread: one at a time.
/// Owns:   the buffer. What is appended is copied, but for the external bytes of Records.
class Writer {
 public:
  [[nodiscard]] std::size_t size() const { return used_; }
  /// Bytes to be sent: the buffer and all gaps.
  [[nodiscard]] std::uint64_t total_size() const { return used_ + gap_bytes_; }
  /// What was written so far; valid until the next change.
  [[nodiscard]] ByteView bytes() const { return ByteView(buffer_).first(used_); }
  /// Ascending by position.
  [[nodiscard]] std::span<const Gap> gaps() const { return gaps_; }
  /// Hands the buffer over and starts with an empty one; gaps are forgotten, so ask for them first.
  [[nodiscard]] std::vector<std::byte> take();
  void clear();
  /// Forgets what was written from `position` on, gaps and an error that stuck included.
  void truncate(std::size_t position);

  /// The error codes other than none that were written since the last take() or clear(), whatever
  /// was truncated meanwhile.
  [[nodiscard]] std::span<const ErrorCode> error_codes() const { return error_codes_; }

  [[nodiscard]] bool ok() const { return failure_.empty(); }
  /// The error that stuck, for `what` in `version`. Call only if !ok().
  [[nodiscard]] Error error(std::string_view what, ApiVersion version) const;
  /// Remembers that the version has no such field although it is set. @param field
  /// "FetchRequest.ReplicaId"
  void fail_absent(const char* field);
  void fail(ErrorCode code, const char* reason);

  void int8(std::int8_t value) { fixed(value); }
  void int16(std::int16_t value) { fixed(value); }
  void uint16(std::uint16_t value) { fixed(value); }
  void int32(std::int32_t value) { fixed(value); }
  void int64(std::int64_t value) { fixed(value); }
  void boolean(bool value) { fixed(static_cast<std::int8_t>(value ? 1 : 0)); }
  void float64(double value);
  void uuid(const model::Uuid& value);
  void error_code(ErrorCode code) {
    if (code != ErrorCode::none) error_codes_.push_back(code);
    int16(static_cast<std::int16_t>(code));
  }
  void uvarint(std::uint32_t value);
  void raw(ByteView data);

  void string(std::string_view text, bool flexible);
  void nullable_string(const std::optional<std::string_view>& text, bool flexible,
                       bool null_allowed);
  void bytes(ByteView data, bool flexible);
  void nullable_bytes(const std::optional<Bytes>& data, bool flexible, bool null_allowed);
  void records(const std::optional<Records>& data, bool flexible, bool null_allowed);
  void array(std::size_t count, bool flexible);
  /// A null array; an error if the version forbids it.
  void null_array(bool flexible, bool null_allowed);

  /// Starts a tagged field: writes the tag. @return where its data starts, for end_tag()
  std::size_t begin_tag(std::uint32_t number);
  /// Ends it: puts the size before the data. Data of a tag must not have gaps.
  void end_tag(std::size_t start);

  /// Overwrites four bytes written earlier, for example the size of a frame.
  void patch_int32(std::size_t position, std::int32_t value);

 private:
  template <class T>
  void fixed(T value) {
    store_be(grow(sizeof(T)), value);
  }
  std::byte* grow(std::size_t size) {
    if (size > buffer_.size() - used_) enlarge(size);
    std::byte* at = buffer_.data() + used_;
    used_ += size;
    return at;
  }
  void enlarge(std::size_t size);
  void length(std::size_t size, bool flexible);

  std::vector<std::byte> buffer_;  // its size is the room there is; used_ of it are written
  std::size_t used_ = 0;
  std::vector<Gap> gaps_;
  std::uint64_t gap_bytes_ = 0;
  std::vector<ErrorCode> error_codes_;
  ErrorCode failure_code_ = ErrorCode::none;
  std::string failure_;
};

}  // namespace gregor::protocol
