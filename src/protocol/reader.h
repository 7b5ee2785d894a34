// Reader: takes the primitive types of the protocol out of a frame, checking bounds; the generated
// decoders stand on it.
//
// A Reader never throws and never reads beyond its frame. The first error sticks: from then on
// every read gives a zero value, counts are 0, and ok() is false; so decoders are straight lines
// and judge once at the end. What is tolerated (negative lengths as null, overlong varints, unknown
// tags in any order) is what Apache Kafka tolerates.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/uuid.h"
#include "protocol/types.h"

namespace gregor::protocol {

/// Head of one tagged field.
struct Tag {
  std::uint32_t number = 0;
  std::size_t end = 0;  ///< position in the frame right behind its data
};

/// Reads one frame from front to back.
///
/// Thread:  one at a time.
/// Borrows: the frame; everything it hands out points into the frame and lives as long as that.
/// Memory:  arrays may take at most allocation_limit(frame size) bytes in sum, whatever the counts
/// say. This is judged
///          before anything is allocated.
/// Source:  the protocol guide; "flexible" is KIP-482.
class Reader {
 public:
  /// @param frame  what follows the size of the frame: the header, then the body
  explicit Reader(ByteView frame)
      : begin_(frame.data()),
        end_(frame.size()),
        allocation_left_(allocation_limit(frame.size())) {}

  /// Bytes that arrays decoded from a frame of this size may take in memory: 16 times the frame,
  /// and 64 KiB for small ones. (A struct in memory has room for the fields of all versions, so it
  /// is larger than on the wire.)
  [[nodiscard]] static constexpr std::size_t allocation_limit(std::size_t frame_size) {
    return frame_size * 16 + 64 * 1024;
  }

  [[nodiscard]] bool ok() const { return failure_ == nullptr; }
  [[nodiscard]] std::size_t remaining() const { return end_ - position_; }
  [[nodiscard]] std::size_t position() const { return position_; }
  /// The error that stuck, for `what` (for example "FetchRequest") in `version`. Call only if
  /// !ok().
  [[nodiscard]] Error error(std::string_view what, ApiVersion version) const;
  /// Makes the reader fail, if it has not yet. @param reason  text that lives for ever
  void fail(const char* reason);

  std::int8_t int8() { return fixed<std::int8_t>(); }
  std::int16_t int16() { return fixed<std::int16_t>(); }
  std::uint16_t uint16() { return fixed<std::uint16_t>(); }
  std::int32_t int32() { return fixed<std::int32_t>(); }
  std::int64_t int64() { return fixed<std::int64_t>(); }
  /// Any byte but 0 is true.
  bool boolean() { return fixed<std::int8_t>() != 0; }
  double float64();
  model::Uuid uuid();
  /// Unsigned LEB128, at most five bytes; bits above the 32nd are lost (as in Kafka), overlong
  /// forms are accepted.
  std::uint32_t uvarint();

  /// @param flexible  length as uvarint(length + 1) instead of int16 (string) or int32 (bytes)
  std::string_view string(bool flexible);
  /// @param null_allowed  false: null is an error in this version
  std::optional<std::string_view> nullable_string(bool flexible, bool null_allowed);
  Bytes bytes(bool flexible);
  std::optional<Bytes> nullable_bytes(bool flexible, bool null_allowed);
  std::optional<Records> records(bool flexible, bool null_allowed);

  /// Reads the count of an array and admits its memory: every count that it returns may be
  /// allocated.
  ///
  /// @param item_on_wire    the least bytes that an item takes in the frame (>= 1)
  /// @param item_in_memory  sizeof of an item
  /// @return the count; 0 on error (null included)
  std::size_t array(bool flexible, std::size_t item_on_wire, std::size_t item_in_memory);
  /// As array(); nullopt = null, or any error.
  std::optional<std::size_t> nullable_array(bool flexible, bool null_allowed,
                                            std::size_t item_on_wire, std::size_t item_in_memory);

  /// The number of tagged fields of a section; negative ones (as int32) count as none, as in Kafka.
  std::uint32_t tag_count();
  Tag begin_tag();
  /// Skips the data of a tag that this version does not know.
  void skip_tag(const Tag& tag);
  /// Checks that the data of a known tag was as long as its size said.
  void end_tag(const Tag& tag);
  /// Skips a whole tagged section.
  void skip_tags();

 private:
  template <class T>
  T fixed() {
    if (remaining() < sizeof(T)) {
      fail("the frame ends too early");
      return T{};
    }
    const T value = load_be<T>(begin_ + position_);
    position_ += sizeof(T);
    return value;
  }
  ByteView take(std::size_t size);
  std::int32_t string_length(bool flexible);
  std::int32_t length(bool flexible);
  std::size_t admit(std::int32_t count, std::size_t item_on_wire, std::size_t item_in_memory);

  const std::byte* begin_;
  std::size_t end_;
  std::size_t position_ = 0;
  std::size_t allocation_left_;
  const char* failure_ = nullptr;
  std::size_t failed_at_ = 0;
};

}  // namespace gregor::protocol
