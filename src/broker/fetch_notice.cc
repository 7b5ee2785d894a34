#include "broker/fetch_notice.h"

#include <utility>

#include "storage/planted_bug.h"

namespace gregor::broker {

NoticeId ParkedFetches::make_id() { return (std::uint64_t{shard_.id().value()} << 48) | next_++; }

void ParkedFetches::wake(NoticeId notice, runtime::ShardId from) {
  const auto found = parked_.find(notice);
  if (found == parked_.end()) return;
  found->second->woken_by.push_back(from);
  found->second->signal->set();
}

void FetchNotices::arm(NoticeId notice, std::uint64_t bytes_wanted, std::vector<Place> places) {
  disarm(notice);
  Armed& armed = armed_[notice];
  armed.bytes_missing = bytes_wanted;
  armed.places = std::move(places);
  const std::size_t count = armed.places.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto found = armed_.find(notice);
    if (found == armed_.end()) return;  // fired at once
    const Place place = found->second.places[i];
    place.partition->watch(notice, place.seen);
  }
}

void FetchNotices::disarm(NoticeId notice) {
  auto found = armed_.find(notice);
  if (found == armed_.end()) return;
  for (const Place& place : found->second.places) place.partition->unwatch(notice);
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
