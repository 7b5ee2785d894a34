#include "broker/fetch_notice.h"

#include <utility>

#include "storage/planted_bug.h"

namespace gregor::broker {

NoticeId ParkedFetches::add(runtime::OneShot& signal) {
  const NoticeId notice = (std::uint64_t{shard_.id().value()} << 48) | next_++;
  parked_.emplace(notice, &signal);
  return notice;
}

void ParkedFetches::wake(NoticeId notice) {
  if (auto found = parked_.find(notice); found != parked_.end()) found->second->set();
}

void FetchNotices::arm(NoticeId notice, std::uint64_t bytes_wanted, std::vector<Place> places) {
  Armed& armed = armed_[notice];
  armed.bytes_missing = bytes_wanted;
  for (const Place& place : places) armed.partitions.push_back(place.partition);
  for (const Place& place : places) {
    if (!armed_.contains(notice)) return;  // fired at once
    place.partition->watch(notice, place.seen);
  }
}

void FetchNotices::disarm(NoticeId notice) {
  auto found = armed_.find(notice);
  if (found == armed_.end()) return;
  for (const auto& partition : found->second.partitions) partition->unwatch(notice);
  armed_.erase(found);
}

void FetchNotices::progress(NoticeId notice, std::uint64_t bytes) {
  auto found = armed_.find(notice);
  if (found == armed_.end()) return;
  if (storage::is_planted(storage::PlantedBug::lose_fetch_notice)) return;
  if (bytes < found->second.bytes_missing) {
    found->second.bytes_missing -= bytes;
    return;
  }
  disarm(notice);
  wake_(notice);
}

}  // namespace gregor::broker
