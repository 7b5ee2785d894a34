// The one piece of code that takes records apart, for every reader in model/: walk_record and
// walk_records over an Input, which is either bytes in memory (SpanInput) or a compressed stream
// seen through a window (StreamInput). Internal to model/. What is checked: every length and count
// fits into the record, the record fits its length, header keys are not null, nothing is left over.
// What is not: the deltas (the visitor sees them).
//
// This is the hot loop of produce: it reads each record of each batch once. No calls, no allocation
// per record.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"
#include "model/compression.h"
#include "model/record.h"
#include "model/varint.h"

namespace gregor::model {

/// What the walker tells of one record. Positions are bytes from the start of the section.
struct WalkedRecord {
  std::int32_t index = 0;
  std::int32_t offset_delta = 0;
  std::int64_t timestamp_delta = 0;
  std::int32_t key_length = 0;    // -1 = null
  std::int32_t value_length = 0;  // -1 = null
  std::int32_t header_count = 0;
  std::int8_t attributes = 0;
  std::uint64_t key_at = 0;
  std::uint64_t value_at = 0;
  std::uint64_t headers_at = 0;
  std::uint64_t end_at = 0;
};

/// Records in memory.
class SpanInput {
 public:
  explicit SpanInput(ByteView bytes)
      : begin_(bytes.data()), at_(begin_), end_(begin_ + bytes.size()) {}

  template <class T>
  [[nodiscard]] bool number(T& out) {
    const std::byte* after = read_varint(at_, end_, out);
    if (after == nullptr) return false;
    at_ = after;
    return true;
  }
  [[nodiscard]] bool byte(std::int8_t& out) {
    if (at_ == end_) return false;
    out = static_cast<std::int8_t>(*at_++);
    return true;
  }
  [[nodiscard]] bool skip(std::uint64_t size) {
    if (size > static_cast<std::uint64_t>(end_ - at_)) return false;
    at_ += size;
    return true;
  }
  [[nodiscard]] std::uint64_t position() const { return static_cast<std::uint64_t>(at_ - begin_); }
  [[nodiscard]] bool at_end() const { return at_ == end_; }
  /// Why a read failed if the reason is not the records themselves.
  [[nodiscard]] static std::optional<Error> error() { return std::nullopt; }

 private:
  const std::byte* begin_;
  const std::byte* at_;
  const std::byte* end_;
};

/// Records behind a Decompressor, seen through a window of 64 KiB; what is skipped is never kept.
class StreamInput {
 public:
  explicit StreamInput(Decompressor& stream)
      : stream_(stream), window_(std::make_unique_for_overwrite<std::byte[]>(window_bytes)) {}

  template <class T>
  [[nodiscard]] bool number(T& out) {
    if (end_ - at_ < varlong_bytes_max) fill();
    const std::byte* begin = window_.get() + at_;
    const std::byte* after = read_varint(begin, window_.get() + end_, out);
    if (after == nullptr) return false;
    at_ += static_cast<std::size_t>(after - begin);
    return true;
  }
  [[nodiscard]] bool byte(std::int8_t& out) {
    if (at_ == end_) fill();
    if (at_ == end_) return false;
    out = static_cast<std::int8_t>(window_[at_++]);
    return true;
  }
  [[nodiscard]] bool skip(std::uint64_t size) {
    while (size > end_ - at_) {
      size -= end_ - at_;
      at_ = end_;
      fill();
      if (at_ == end_) return false;
    }
    at_ += size;
    return true;
  }
  [[nodiscard]] std::uint64_t position() const { return stream_.inflated_bytes() - (end_ - at_); }
  /// Reads on to see whether the stream ends properly, too.
  [[nodiscard]] bool at_end() {
    if (at_ == end_) fill();
    return at_ == end_ && !error_;
  }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  static constexpr std::size_t window_bytes = std::size_t{64} << 10;

  /// Moves what is left to the front and reads until a number fits or the stream ends.
  void fill() {
    std::memmove(window_.get(), window_.get() + at_, end_ - at_);
    end_ -= at_;
    at_ = 0;
    while (end_ < varlong_bytes_max && !has_ended_) {
      const auto size = stream_.read(ByteSpan(window_.get() + end_, window_bytes - end_));
      if (!size) error_ = size.error();
      has_ended_ = !size || *size == 0;
      if (size) end_ += *size;
    }
  }

  Decompressor& stream_;
  std::unique_ptr<std::byte[]> window_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  bool has_ended_ = false;
  std::optional<Error> error_;
};

/// Reads a length and skips so many bytes, which must end at or before `end`. -1 = null. nullptr =
/// fine.
template <class Input>
[[nodiscard]] inline const char* walk_bytes(Input& in, std::uint64_t end, std::int32_t& length,
                                            std::uint64_t& at) {
  if (!in.number(length)) return "a length is cut";
  at = in.position();
  if (length < 0) return length == -1 ? nullptr : "a negative length";
  if (at > end || static_cast<std::uint64_t>(length) > end - at ||
      !in.skip(static_cast<std::uint64_t>(length))) {
    return "a length beyond the record";
  }
  return nullptr;
}

/// Skips the headers. nullptr = fine.
template <class Input>
[[nodiscard]] inline const char* walk_headers(Input& in, std::uint64_t end, std::int32_t count) {
  if (count < 0) return "a negative number of headers";
  for (; count > 0; --count) {
    std::int32_t length = 0;
    std::uint64_t at = 0;
    if (const char* wrong = walk_bytes(in, end, length, at)) return wrong;
    if (length < 0) return "a header without a key";
    if (const char* wrong = walk_bytes(in, end, length, at)) return wrong;
  }
  return nullptr;
}

/// Walks one record. nullptr = fine, else what is wrong (static text).
template <class Input>
[[nodiscard]] inline const char* walk_record(Input& in, WalkedRecord& record) {
  std::int32_t length = 0;
  if (!in.number(length)) return "the length of a record is cut";
  if (length < 0) return "a record of negative length";
  const std::uint64_t end = in.position() + static_cast<std::uint64_t>(length);
  record.end_at = end;
  if (!in.byte(record.attributes) || !in.number(record.timestamp_delta) ||
      !in.number(record.offset_delta)) {
    return "a record is cut";
  }
  if (const char* wrong = walk_bytes(in, end, record.key_length, record.key_at)) return wrong;
  if (const char* wrong = walk_bytes(in, end, record.value_length, record.value_at)) return wrong;
  if (!in.number(record.header_count)) return "a record is cut";
  record.headers_at = in.position();
  if (record.header_count != 0) {
    if (const char* wrong = walk_headers(in, end, record.header_count)) return wrong;
  }
  return in.position() == end ? nullptr : "a record is not as long as it says";
}

/// Walks `count` records, which must fill the input, and calls `visit(const WalkedRecord&) -> const
/// char*` for each; the walk stops at a text, which says what is wrong.
/// @errors invalid_record, or the input's own error
template <class Input, class Visit>
[[nodiscard]] Result<void> walk_records(Input& in, std::int32_t count, Visit&& visit) {
  const char* wrong = nullptr;
  WalkedRecord record;
  for (; record.index < count; ++record.index) {
    wrong = walk_record(in, record);
    if (wrong == nullptr) wrong = visit(std::as_const(record));
    if (wrong != nullptr) [[unlikely]]
      break;
  }
  if (wrong == nullptr && in.at_end()) return {};
  if (const auto& error = in.error()) return fail(*error);
  if (wrong == nullptr) wrong = "bytes are left over behind the last record";
  return fail(ErrorCode::invalid_record,
              std::string(wrong) + " (record " + std::to_string(record.index) + ")");
}

/// walk_records over the records of a batch of any codec.
/// @return bytes of the records section once inflated
/// @errors unsupported_compression_type (codec bits 5 to 7), corrupt_message, message_too_large,
/// invalid_record
template <class Visit>
[[nodiscard]] Result<std::size_t> walk_batch(const RecordBatchView& batch,
                                             std::size_t inflated_bytes_max, Visit&& visit) {
  const auto codec = batch.codec();
  if (!codec) return fail(ErrorCode::unsupported_compression_type, "no such codec");
  if (*codec == Codec::none) {
    SpanInput input(batch.records());
    auto walked = walk_records(input, batch.record_count(), visit);
    if (!walked) return fail(std::move(walked.error()));
    return batch.records().size();
  }
  if (batch.records().empty() && batch.record_count() == 0) return std::size_t{0};
  if (batch.records().empty())
    return fail(ErrorCode::invalid_record, "a batch without its records");
  auto stream = make_decompressor(*codec, batch.records(), inflated_bytes_max);
  if (!stream) return fail(std::move(stream.error()));
  StreamInput input(**stream);
  auto walked = walk_records(input, batch.record_count(), visit);
  if (!walked) return fail(std::move(walked.error()));
  return (*stream)->inflated_bytes();
}

}  // namespace gregor::model
