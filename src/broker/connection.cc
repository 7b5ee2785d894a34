#include "broker/connection.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "base/log.h"

namespace gregor::broker {
namespace {

constexpr std::size_t size_prefix_bytes = 4;
// Slices below this are copied and leave with the bytes around them in one write; larger ones go by
// sendfile. Below it a sendfile call costs more than the copy.
constexpr std::uint64_t copied_slice_bytes_max = 16 * 1024;
constexpr int log_lines_per_second = 5;
constexpr std::string_view component = "connection";

log::RateLimit& closing_lines() {
  static log::RateLimit limit(log_lines_per_second);
  return limit;
}

// Slow readers are judged by progress, so a long answer is sent in pieces.
constexpr std::size_t sent_piece_bytes_max = 256 * 1024;
std::string http_hint(std::string_view http_address) {
  std::string text =
      "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
      "This port speaks the Kafka protocol, not HTTP. Point a Kafka client at it.\n";
  if (!http_address.empty()) text += fmt::format("HTTP is served on http://{}/\n", http_address);
  return text;
}

bool looks_like_http(std::int32_t size) {
  const auto raw = static_cast<std::uint32_t>(size);
  return raw == 0x47455420 || raw == 0x504f5354 || raw == 0x48454144;  // "GET ", "POST", "HEAD"
}

// About how much of an answer's slices is copied between its bytes; never more than a few of them.
std::size_t copied_bytes(const std::vector<ResponseInsert>& inserts) {
  std::uint64_t bytes = 0;
  for (const ResponseInsert& insert : inserts) {
    for (const storage::LogSlice& slice : insert.slices)
      bytes += slice.size <= copied_slice_bytes_max ? slice.size : 0;
  }
  return static_cast<std::size_t>(std::min(bytes, 4 * copied_slice_bytes_max));
}

bool append_copy(const storage::LogSlice& slice, std::vector<std::byte>& bytes) {
  const std::size_t start = bytes.size();
  bytes.resize(start + slice.size);
  const auto got = slice.file->read_at(slice.position, ByteSpan(bytes).subspan(start));
  return got && *got == slice.size;
}

}  // namespace

void Disconnect::add(runtime::OneShot* parked) {
  parked_.push_back(parked);
  if (set_) parked->set();
}

void Disconnect::remove(runtime::OneShot* parked) { std::erase(parked_, parked); }

void Disconnect::set() {
  set_ = true;
  for (runtime::OneShot* parked : parked_) parked->set();
}

Connection::Connection(runtime::Shard& shard, std::unique_ptr<runtime::Stream> stream,
                       ConnectionInfo info, const ConnectionLimits& limits, FrameBudget& budget)
    : shard_(shard),
      stream_(std::move(stream)),
      info_(std::move(info)),
      limits_(limits),
      budget_(budget),
      session_turns_(shard) {
  info_.disconnect = &disconnect_;
  info_.fetch_notice = &fetch_notice_;
  info_.session_turns = &session_turns_;
  last_received_ = last_sent_ = shard_.clock().now();
}

Connection::~Connection() = default;

runtime::Task<void> Connection::serve(const FrameHandler& handler) {
  co_await read_frames(handler);
  reading_ = Reading::ended;
  disconnect_.set();
  co_await requests_.join();
  if (fetch_notice_.take_back) fetch_notice_.take_back();
  stream_->close();
}

runtime::Task<void> Connection::read_frames(const FrameHandler& handler) {
  while (!stopping_ && !closed_) {
    co_await wait_for_slot();
    auto exchange = std::make_shared<Exchange>();
    const bool whole = co_await read_frame(exchange);
    if (!whole || closed_) co_return;
    pipeline_.push_back(exchange);
    requests_.spawn(work(handler, exchange));
  }
}

runtime::Task<void> Connection::wait_for_slot() {
  while (pipeline_.size() >= limits_.pipelined_max && !closed_) {
    slot_free_ = std::make_unique<runtime::OneShot>(shard_);
    co_await slot_free_->wait();
    slot_free_.reset();
  }
}

runtime::Task<bool> Connection::read_frame(std::shared_ptr<Exchange> exchange) {
  reading_ = Reading::between_frames;
  if (inbox_begin_ != inbox_end_) start_frame();
  const bool has_size = co_await fill_inbox(size_prefix_bytes);
  if (!has_size) co_return false;
  const auto size = load_be<std::int32_t>(inbox_.data() + inbox_begin_);
  if (size <= 0 || static_cast<std::size_t>(size) > limits_.frame_bytes_max) {
    refuse_size(size);
    co_return false;
  }
  inbox_begin_ += size_prefix_bytes;
  const auto frame_bytes = static_cast<std::size_t>(size);
  FrameBudget::Reservation reservation;
  if (frame_bytes > FrameBudget::small_frame_bytes) {
    reading_ = Reading::waiting_for_budget;
    reservation = co_await budget_.reserve(frame_bytes);
    start_frame();
  }
  exchange->frame = FrameBuffer(frame_bytes, std::move(reservation));
  const std::size_t have = std::min(frame_bytes, inbox_end_ - inbox_begin_);
  std::memcpy(exchange->frame.bytes().data(), inbox_.data() + inbox_begin_, have);
  inbox_begin_ += have;
  const bool whole = co_await read_into(exchange->frame.bytes().subspan(have));
  reading_ = Reading::between_frames;
  co_return whole;
}

void Connection::start_frame() {
  reading_ = Reading::in_frame;
  frame_started_ = shard_.clock().now();
  frame_received_ = 0;
}

runtime::Task<bool> Connection::fill_inbox(std::size_t wanted) {
  if (inbox_begin_ == inbox_end_) inbox_begin_ = inbox_end_ = 0;
  if (inbox_begin_ > 0 && inbox_begin_ + wanted > inbox_.size()) {
    std::memmove(inbox_.data(), inbox_.data() + inbox_begin_, inbox_end_ - inbox_begin_);
    inbox_end_ -= inbox_begin_;
    inbox_begin_ = 0;
  }
  while (inbox_end_ - inbox_begin_ < wanted) {
    const ByteSpan space = ByteSpan(inbox_).subspan(inbox_end_);
    const auto got = co_await stream_->read_some(space);
    if (!got || *got == 0) co_return false;
    note_received(*got);
    if (reading_ == Reading::between_frames) start_frame();
    inbox_end_ += *got;
  }
  co_return true;
}

runtime::Task<bool> Connection::read_into(ByteSpan rest) {
  while (!rest.empty()) {
    const auto got = co_await stream_->read_some(rest);
    if (!got || *got == 0) co_return false;
    note_received(*got);
    frame_received_ += static_cast<std::int64_t>(*got);
    rest = rest.subspan(*got);
  }
  co_return true;
}

// What was asked before is still answered: serve() closes the stream when the pipeline is empty.
void Connection::refuse_size(std::int32_t size) {
  if (!looks_like_http(size)) {
    log_closing(fmt::format("frame size {} is not in [1, {}]", size, limits_.frame_bytes_max));
    return;
  }
  log_closing("an HTTP request on the Kafka port");
  auto exchange = std::make_shared<Exchange>();
  const std::string hint = http_hint(info_.http_address);
  const ByteView text = as_bytes(hint);
  exchange->outcome = ResponseFrame{{text.begin(), text.end()}, {}};
  pipeline_.push_back(exchange);
  if (!sending_) requests_.spawn(drain());
}

runtime::Task<void> Connection::work(const FrameHandler& handler,
                                     std::shared_ptr<Exchange> exchange) {
  exchange->outcome = co_await handler(info_, exchange->frame);
  if (std::holds_alternative<CloseConnection>(*exchange->outcome)) stopping_ = true;
  // The frame's bytes are not needed for the answer; its memory goes back before a slow reader
  // takes the answer.
  exchange->frame = FrameBuffer();
  if (!sending_) co_await drain();
}

runtime::Task<void> Connection::drain() {
  sending_ = true;
  while (!pipeline_.empty() && pipeline_.front()->outcome) {
    Outcome outcome = std::move(*pipeline_.front()->outcome);
    if (auto* response = std::get_if<ResponseFrame>(&outcome); response != nullptr && !closed_) {
      last_sent_ = shard_.clock().now();
      const bool sent = co_await send(*response);
      if (!sent) close_now();
    } else if (auto* close = std::get_if<CloseConnection>(&outcome); close != nullptr && !closed_) {
      log_closing(close->reason);
      close_now();
    }
    pipeline_.pop_front();
    if (slot_free_) slot_free_->set();
  }
  sending_ = false;
  if (stopping_ && pipeline_.empty()) close_now();
}

// `response` must outlive the task.
runtime::Task<bool> Connection::send(const ResponseFrame& response) {
  if (response.inserts.empty()) return write_bytes(response.bytes);
  return send_with_slices(response);
}

runtime::Task<bool> Connection::send_with_slices(const ResponseFrame& response) {
  std::vector<std::byte> pending;
  pending.reserve(response.bytes.size() + copied_bytes(response.inserts));
  std::size_t at = 0;
  const ByteView bytes(response.bytes);
  for (const ResponseInsert& insert : response.inserts) {
    const ByteView before = bytes.subspan(at, insert.position - at);
    pending.insert(pending.end(), before.begin(), before.end());
    at = insert.position;
    for (const storage::LogSlice& slice : insert.slices) {
      if (is_copied(slice)) {
        if (!append_copy(slice, pending)) co_return false;
        continue;
      }
      const bool head_sent = co_await write_bytes(pending);
      if (!head_sent) co_return false;
      pending.clear();
      const bool slice_sent = co_await send_slice(slice);
      if (!slice_sent) co_return false;
    }
  }
  pending.insert(pending.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end());
  co_return co_await write_bytes(pending);
}

bool Connection::is_copied(const storage::LogSlice& slice) const {
  return slice.size <= copied_slice_bytes_max || !stream_->can_send_file();
}

runtime::Task<bool> Connection::write_bytes(ByteView bytes) {
  while (!bytes.empty()) {
    const ByteView piece = bytes.first(std::min(bytes.size(), sent_piece_bytes_max));
    const auto written = co_await stream_->write(std::span<const ByteView>(&piece, 1));
    note_sent(written ? piece.size() : 0);
    if (!written) co_return false;
    bytes = bytes.subspan(piece.size());
  }
  co_return true;
}

runtime::Task<bool> Connection::send_slice(const storage::LogSlice& slice) {
  std::uint64_t position = slice.position;
  const std::uint64_t end = slice.position + slice.size;
  while (position < end) {
    const std::uint64_t size = std::min<std::uint64_t>(end - position, sent_piece_bytes_max);
    const auto sent = co_await stream_->send_file(*slice.file, position, size);
    note_sent(sent ? size : 0);
    if (!sent) {
      if (sent.error().code == ErrorCode::kafka_storage_error) log_closing(sent.error().detail);
      co_return false;
    }
    position += size;
  }
  co_return true;
}

void Connection::note_received(std::size_t bytes) {
  last_received_ = shard_.clock().now();
  if (info_.traffic != nullptr) info_.traffic->received_bytes += bytes;
}

void Connection::note_sent(std::uint64_t bytes) {
  last_sent_ = shard_.clock().now();
  if (info_.traffic != nullptr) info_.traffic->sent_bytes += bytes;
}

void Connection::close_now() {
  closed_ = true;
  stream_->close();
  disconnect_.set();
  if (slot_free_) slot_free_->set();
}

void Connection::log_closing(std::string_view reason) {
  const auto now_ns = shard_.clock().now().time_since_epoch().count();
  const auto held_back = closing_lines().admit(now_ns);
  if (held_back < 0) return;
  log::warn(component, "closing {}:{} on {}: {} ({} more such lines held back)", info_.peer.host,
            info_.peer.port, info_.listener, reason, held_back);
}

void Connection::stop() {
  stopping_ = true;
  disconnect_.set();
  if (pipeline_.empty()) close_now();
}

bool Connection::frame_is_stalled(runtime::Instant now) const {
  if (reading_ != Reading::in_frame) return false;
  if (now - std::max(frame_started_, last_received_) > limits_.stall_max) return true;
  const auto allowed =
      limits_.stall_max + std::chrono::seconds(frame_received_ / ConnectionLimits::frame_rate_min);
  return now - frame_started_ > allowed;
}

void Connection::check_time(runtime::Instant now) {
  const bool answer_stalled = sending_ && now - last_sent_ > limits_.stall_max;
  const bool idle = pipeline_.empty() && reading_ == Reading::between_frames &&
                    now - std::max(last_received_, last_sent_) > limits_.idle_max;
  if (frame_is_stalled(now) || answer_stalled) {
    log_closing("no progress within gregor.frame.stall.timeout.ms");
    close_now();
  } else if (idle) {
    close_now();
  }
}

}  // namespace gregor::broker
