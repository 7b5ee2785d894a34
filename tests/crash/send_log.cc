#include "crash/send_log.h"

#include "base/assert.h"
#include "base/error_code.h"

namespace gregor::crash {
namespace {

// Errors after which the batch may still be in the log: the append began, or its end was not
// awaited.
bool leaves_it_open(std::int16_t error_code) {
  switch (static_cast<ErrorCode>(error_code)) {
    case ErrorCode::unknown_server_error:
    case ErrorCode::request_timed_out:
    case ErrorCode::network_exception:
    case ErrorCode::not_enough_replicas_after_append:
    case ErrorCode::kafka_storage_error:
      return true;
    default:
      return false;
  }
}

}  // namespace

SendId SendLog::add(std::size_t producer, std::int32_t partition, std::int32_t count) {
  GREGOR_ASSERT(count >= 1 && count <= records_per_send_max);
  sends_[producer].push_back({.partition = partition, .count = count});
  return id_of(producer, sends_[producer].size() - 1);
}

void SendLog::answer(SendId id, std::int64_t offset, double at_seconds) {
  Send& send = at(id);
  send.fate = Fate::answered;
  send.offset = offset;
  send.answered_at = at_seconds;
}

void SendLog::fail(SendId id, std::int16_t error_code) {
  Send& send = at(id);
  send.error = error_code;
  if (!leaves_it_open(error_code)) send.fate = Fate::refused;
}

const Send* SendLog::find(SendId id) const {
  const std::uint64_t producer = id >> producer_shift;
  const std::uint64_t index = id & ((std::uint64_t{1} << producer_shift) - 1);
  if (producer >= sends_.size() || index >= sends_[producer].size()) return nullptr;
  return &sends_[producer][index];
}

Send& SendLog::at(SendId id) {
  const Send* found = find(id);
  GREGOR_ASSERT(found != nullptr);
  return const_cast<Send&>(*found);
}

}  // namespace gregor::crash
