#include "sim/client_connection.h"

#include <array>

namespace gregor::sim {
namespace {

constexpr std::size_t size_bytes = 4;

}  // namespace

runtime::Task<Result<ClientConnection::Pointer>> ClientConnection::open(
    runtime::Shard& shard, runtime::TaskGroup& tasks, runtime::SocketAddress address,
    runtime::Instant deadline) {
  auto stream = co_await shard.network().connect(std::move(address), deadline);
  if (!stream) co_return fail(std::move(stream.error()));
  // From the shard's own stream of numbers, so that a seed repeats it.
  const std::uint64_t number = shard.random().next();
  auto connection = std::make_shared<ClientConnection>(shard, std::move(*stream), number);
  tasks.spawn(write_frames(connection));
  tasks.spawn(read_frames(connection));
  co_return connection;
}

ClientCallPointer ClientConnection::send(std::vector<std::byte> frame, std::int32_t correlation_id,
                                         bool expects_answer) {
  auto call = std::make_shared<ClientCall>(shard_);
  call->correlation_id = correlation_id;
  if (closed_ || !expects_answer) call->ended.set();
  if (closed_) return call;
  if (expects_answer) under_way_.push_back(call);
  outbox_.push_back(std::move(frame));
  if (outbox_filled_) outbox_filled_->set();
  return call;
}

void ClientConnection::close() {
  if (closed_) return;
  closed_ = true;
  stream_->close();
  for (const ClientCallPointer& call : under_way_) call->ended.set();
  under_way_.clear();
  if (outbox_filled_) outbox_filled_->set();
}

runtime::Task<void> ClientConnection::write_frames(Pointer self) {
  while (!self->closed_) {
    if (self->outbox_.empty()) {
      self->outbox_filled_ = std::make_unique<runtime::OneShot>(self->shard_);
      co_await self->outbox_filled_->wait();
      self->outbox_filled_.reset();
      continue;
    }
    const std::vector<std::byte> frame = std::move(self->outbox_.front());
    self->outbox_.pop_front();
    const std::array<ByteView, 1> parts{ByteView(frame)};
    auto written = co_await self->stream_->write(parts);
    if (!written) self->close();
  }
}

runtime::Task<void> ClientConnection::read_frames(Pointer self) {
  std::vector<std::byte> piece(64 * 1024);
  while (!self->closed_) {
    auto got = co_await self->stream_->read_some(piece);
    if (self->closed_) break;
    if (!got || *got == 0) {
      self->ended_by_peer_ = got.has_value();
      self->reset_ = !got;
      self->close();
      break;
    }
    self->inbox_.insert(self->inbox_.end(), piece.begin(),
                        piece.begin() + static_cast<std::ptrdiff_t>(*got));
    while (!self->closed_ && self->take_frame()) {
    }
  }
}

// Answers come in the order of the requests.
bool ClientConnection::take_frame() {
  if (inbox_.size() < size_bytes) return false;
  const auto size = load_be<std::int32_t>(inbox_.data());
  if (size < static_cast<std::int32_t>(size_bytes) || under_way_.empty()) {
    out_of_order_ = true;
    close();
    return false;
  }
  const std::size_t whole = size_bytes + static_cast<std::size_t>(size);
  if (inbox_.size() < whole) return false;
  const ClientCallPointer call = under_way_.front();
  if (load_be<std::int32_t>(inbox_.data() + size_bytes) != call->correlation_id) {
    out_of_order_ = true;
    close();
    return false;
  }
  under_way_.pop_front();
  call->frame.assign(inbox_.begin() + size_bytes,
                     inbox_.begin() + static_cast<std::ptrdiff_t>(whole));
  call->has_answer = true;
  call->ended.set();
  inbox_.erase(inbox_.begin(), inbox_.begin() + static_cast<std::ptrdiff_t>(whole));
  return true;
}

}  // namespace gregor::sim
