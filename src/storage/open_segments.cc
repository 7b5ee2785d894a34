#include "storage/open_segments.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace gregor::storage {
namespace {

/// A file, and the room that it takes.
struct CountedFile {
  std::shared_ptr<runtime::File> file;
  OpenSegments::SlotPointer slot;
};

std::shared_ptr<runtime::File> with_slot(std::shared_ptr<runtime::File> file,
                                         const OpenSegments::SlotPointer& slot) {
  if (!file) return nullptr;
  runtime::File* const bare = file.get();
  return {std::make_shared<CountedFile>(CountedFile{std::move(file), slot}), bare};
}

}  // namespace

OpenSegmentLimits OpenSegmentLimits::of_descriptors(std::int64_t descriptors_max,
                                                    std::int64_t shards) {
  GREGOR_ASSERT(descriptors_max >= 0 && shards > 0);
  const std::int64_t segments = descriptors_max / descriptors_of_segment / shards;
  const std::int64_t cold = std::max<std::int64_t>(segments / 4, 1);
  constexpr std::int64_t beyond_min = 64;
  return {std::max<std::int64_t>(segments - cold, 1), cold, std::max(cold, beyond_min)};
}

void OpenSegments::Entry::drop() {
  if (node_) home_->nodes(slot_->heat()).erase(*node_);
  node_.reset();
  slot_.reset();
  home_.reset();
}

void OpenSegments::Entry::take(Entry& other) noexcept {
  home_ = std::move(other.home_);
  slot_ = std::move(other.slot_);
  node_ = std::exchange(other.node_, std::nullopt);
}

OpenSegments::SlotPointer OpenSegments::room_for_active() {
  // Without room it is opened all the same: all others are at work, too.
  close_some(SegmentHeat::active);
  return std::make_shared<Slot>(counts_, SegmentHeat::active);
}

OpenSegments::SlotPointer OpenSegments::room_for_cold(Wish& wish, runtime::Instant now) {
  close_some(SegmentHeat::cold);
  if (!has_room(SegmentHeat::cold)) {
    if (!wish || now - *wish > memory) wish = now;
    if (now - *wish < patience || !has_room_beyond()) return nullptr;
    ++beyond_count_;
  }
  return std::make_shared<Slot>(counts_, SegmentHeat::cold);
}

bool OpenSegments::cool(Entry& entry) {
  GREGOR_ASSERT(entry.is_held() && entry.slot_->heat() == SegmentHeat::active);
  close_some(SegmentHeat::cold);
  if (!has_room(SegmentHeat::cold)) return false;
  cold_.splice(cold_.end(), active_, *entry.node_);
  entry.slot_->become(SegmentHeat::cold);
  return true;
}

/// Until there is room, or nothing can be closed. What was used since it was looked at last gets a
/// second chance.
void OpenSegments::close_some(SegmentHeat heat) {
  Nodes& list = nodes(heat);
  std::size_t looks = 2 * list.size();
  while (!has_room(heat) && looks-- > 0 && !list.empty()) {
    const auto oldest = list.begin();
    const bool was_used = std::exchange(oldest->is_used, false);
    // What is closed takes its entry out of the list.
    if (was_used || !oldest->owner->close_segment(oldest->base)) {
      list.splice(list.end(), list, oldest);
    }
  }
}

SegmentFiles OpenSegments::counted(SegmentFiles files, const SlotPointer& slot) {
  files.log = with_slot(std::move(files.log), slot);
  files.offset_index = with_slot(std::move(files.offset_index), slot);
  files.time_index = with_slot(std::move(files.time_index), slot);
  return files;
}

OpenSegments::Entry OpenSegments::add(Owner& owner, model::Offset base, SlotPointer slot) {
  GREGOR_ASSERT(slot != nullptr);
  Nodes& list = nodes(slot->heat());
  Entry entry;
  entry.node_ = list.insert(list.end(), {&owner, base, true});
  entry.slot_ = std::move(slot);
  entry.home_ = shared_from_this();
  return entry;
}

}  // namespace gregor::storage
