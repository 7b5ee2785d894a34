#include "model/record.h"

#include "base/assert.h"
#include "model/record_walk.h"

namespace gregor::model {
namespace {

std::optional<ByteView> bytes_at(ByteView section, std::uint64_t at, std::int32_t length) {
  if (length < 0) return std::nullopt;
  return section.subspan(at, static_cast<std::size_t>(length));
}

}  // namespace

std::optional<ByteView> HeaderCursor::take_bytes() {
  std::int32_t length = 0;
  const std::byte* end = rest_.data() + rest_.size();
  const std::byte* after = read_varint(rest_.data(), end, length);
  GREGOR_ASSERT(after != nullptr);
  rest_ = {after, end};
  if (length < 0) return std::nullopt;
  const auto size = static_cast<std::size_t>(length);
  GREGOR_ASSERT(size <= rest_.size());
  const ByteView bytes = rest_.first(size);
  rest_ = rest_.subspan(size);
  return bytes;
}

std::optional<HeaderView> HeaderCursor::next() {
  if (left_ == 0) return std::nullopt;
  --left_;
  const auto key = take_bytes();
  GREGOR_ASSERT(key.has_value());
  const auto value = take_bytes();
  return HeaderView{as_text(*key), value};
}

Result<std::optional<RecordView>> RecordCursor::next() {
  if (rest_.empty()) return std::nullopt;
  SpanInput input(rest_);
  WalkedRecord walked;
  if (const char* wrong = walk_record(input, walked)) return fail(ErrorCode::invalid_record, wrong);
  RecordView record;
  record.attributes_ = walked.attributes;
  record.timestamp_delta_ = walked.timestamp_delta;
  record.offset_delta_ = walked.offset_delta;
  record.header_count_ = walked.header_count;
  record.key_ = bytes_at(rest_, walked.key_at, walked.key_length);
  record.value_ = bytes_at(rest_, walked.value_at, walked.value_length);
  record.headers_ = rest_.subspan(walked.headers_at, walked.end_at - walked.headers_at);
  record.size_bytes_ = walked.end_at;
  rest_ = rest_.subspan(walked.end_at);
  return record;
}

Result<std::vector<std::byte>> inflate_records(const RecordBatchView& batch,
                                               std::size_t inflated_bytes_max) {
  const auto codec = batch.codec();
  if (!codec) return fail(ErrorCode::unsupported_compression_type, "no such codec");
  // An emptied batch of the log cleaner keeps its codec but has no stream.
  if (batch.records().empty()) return std::vector<std::byte>{};
  return decompress(*codec, batch.records(), inflated_bytes_max);
}

TimestampMs record_timestamp(const RecordBatchView& batch, const RecordView& record) {
  return batch.record_timestamp(record.timestamp_delta());
}

}  // namespace gregor::model
