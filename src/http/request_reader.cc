#include "http/request_reader.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/assert.h"
#include "http/request_head.h"

namespace gregor::http {
namespace {

constexpr std::size_t first_buffer_bytes = 1024;

bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

bool is_control(char c) {
  const auto code = static_cast<unsigned char>(c);
  return (code < 0x20 && c != '\t' && c != '\r' && c != '\n') || code == 0x7f;
}

/// Whether `c` may follow `before` within a head.
bool may_follow(char before, char c) {
  if (c == '\n') return before == '\r';
  if (before == '\r') return false;
  if (before == '\n') return c != ' ' && c != '\t';  // a folded line
  return true;
}

}  // namespace

ByteSpan RequestReader::room() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    scanned_ -= begin_;
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == buffer_.size()) {
    GREGOR_ASSERT(end_ < head_bytes_max);
    buffer_.resize(std::clamp(buffer_.size() * 2, first_buffer_bytes, head_bytes_max));
  }
  return ByteSpan(buffer_).subspan(end_);
}

void RequestReader::added(std::size_t bytes) {
  GREGOR_ASSERT(bytes <= buffer_.size() - end_);
  end_ += bytes;
}

RequestReader::Scan RequestReader::scan() {
  const std::string_view bytes = as_text(buffer_);
  for (; scanned_ < end_; ++scanned_) {
    const char c = bytes[scanned_];
    if (scanned_ == begin_) {
      if (!is_letter(c)) return Scan::forbidden;
      continue;
    }
    if (is_control(c) || !may_follow(bytes[scanned_ - 1], c)) return Scan::forbidden;
    if (c != '\n' || scanned_ < begin_ + 3) continue;
    if (bytes.substr(scanned_ - 3, 4) != "\r\n\r\n") continue;
    ++scanned_;
    return Scan::end;
  }
  return Scan::more;
}

Refusal RequestReader::refuse_long_head() const {
  const bool has_line =
      as_text(buffer_).substr(begin_, end_ - begin_).find('\n') != std::string_view::npos;
  if (has_line) return {431, "the header fields are too large"};
  return {414, "the request line is too long"};
}

std::optional<ReadRequest> RequestReader::next() {
  switch (scan()) {
    case Scan::forbidden:
      return tl::unexpected<Refusal>(Refusal{400, "the request is malformed"});
    case Scan::more:
      if (end_ - begin_ >= head_bytes_max) return tl::unexpected<Refusal>(refuse_long_head());
      return std::nullopt;
    case Scan::end:
      break;
  }
  const std::string_view head = as_text(buffer_).substr(begin_, scanned_ - begin_);
  auto request = parse_head(head);
  begin_ = scanned_;
  return request;
}

}  // namespace gregor::http
