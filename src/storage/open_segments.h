// OpenSegments: which segments of the logs of one shard have their files open, under a limit.
// Segments that no longer grow ("cold") and ends of logs ("active") have shares of their own, so
// that readers of old data take nothing from those who append.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>

#include "model/ids.h"
#include "runtime/clock.h"
#include "storage/segment_files.h"

namespace gregor::storage {

enum class SegmentHeat { active, cold };

/// Descriptors of one open segment: .log, .index, .timeindex.
inline constexpr std::int64_t descriptors_of_segment = 3;

/// How many segments may be open.
struct OpenSegmentLimits {
  std::int64_t active = INT64_MAX;
  std::int64_t cold = INT64_MAX;
  /// Cold ones that may be open beyond it, for readers that have waited.
  std::int64_t beyond = INT64_MAX;

  /// The share of one shard: a quarter is for cold segments, and there is one of each at least.
  /// Beyond it as many cold ones again, and 64 at least, may be open for a while.
  [[nodiscard]] static OpenSegmentLimits of_descriptors(std::int64_t descriptors_max,
                                                        std::int64_t shards);
};

/// A segment counts as open until the last reference to one of its files is gone: the log's, or
/// that of a slice that is being sent. At the limit the one not used for longest is closed; it is
/// opened again when it is needed. What is being sent can't be closed: whoever has waited
/// `patience` for a cold segment gets it beyond the limit, so that slow readers do not starve
/// others.
///
/// Thread: its shard; counts may be read, and files let go, on any. Held by shared_ptr: by the logs
/// that use it.
class OpenSegments : public std::enable_shared_from_this<OpenSegments> {
 public:
  /// A log. Outlives its entries.
  class Owner {
   public:
    /// Closes the files of a cold segment, or, if `base` is its active one, all that it has open.
    /// @return false if it can't now: they are in use
    virtual bool close_segment(model::Offset base) = 0;

   protected:
    ~Owner() = default;
  };

  /// Room for one segment, while a reference to it is held.
  class Slot;
  using SlotPointer = std::shared_ptr<Slot>;

  /// How long a cold segment is asked for in vain before it is opened beyond the limit.
  static constexpr runtime::Duration patience = std::chrono::milliseconds(50);
  /// For how long that holds for all who ask for this segment: one of them may have it, and others
  /// make it be closed again, before the next one comes to it.
  static constexpr runtime::Duration memory = std::chrono::seconds(1);
  /// What is remembered of a segment for which there was no room: since when it is asked for.
  using Wish = std::optional<runtime::Instant>;

 private:
  struct Node {
    Owner* owner;
    model::Offset base;
    bool is_used;  ///< since it was looked at last
  };
  using Nodes = std::list<Node>;  // the one that was looked at, or opened, longest ago comes first
  struct Counts {
    std::array<std::atomic<std::int64_t>, 2> open{};
  };

 public:
  /// A log's entry for an open segment; the segment may be closed as long as it is there. Movable.
  class Entry {
   public:
    Entry() = default;
    Entry(Entry&& other) noexcept { take(other); }
    Entry& operator=(Entry&& other) noexcept {
      if (this != &other) {
        drop();
        take(other);
      }
      return *this;
    }
    ~Entry() { drop(); }

    void drop();
    /// Used just now: others are closed before it.
    void touch() {
      if (node_) (*node_)->is_used = true;
    }
    [[nodiscard]] bool is_held() const { return node_.has_value(); }

   private:
    friend class OpenSegments;
    void take(Entry& other) noexcept;

    std::shared_ptr<OpenSegments> home_;
    SlotPointer slot_;
    std::optional<Nodes::iterator> node_;
  };

  explicit OpenSegments(const OpenSegmentLimits& limits)
      : limits_(limits), counts_(std::make_shared<Counts>()) {}
  OpenSegments(const OpenSegments&) = delete;
  OpenSegments& operator=(const OpenSegments&) = delete;

  /// Room for an active segment; closes others that are not in use if there are too many.
  [[nodiscard]] SlotPointer room_for_active();
  /// Room for a cold one; nullptr: as many as may be open are being read just now; ask again.
  /// @param wish  of this segment; empty at first
  [[nodiscard]] SlotPointer room_for_cold(Wish& wish, runtime::Instant now);
  /// An active segment that is open becomes a cold one. @return false if there is no room for it
  [[nodiscard]] bool cool(Entry& entry);

  /// The same files, which take `slot` until the last of them is let go.
  [[nodiscard]] static SegmentFiles counted(SegmentFiles files, const SlotPointer& slot);
  /// From here on `owner` may be told to close the segment.
  [[nodiscard]] Entry add(Owner& owner, model::Offset base, SlotPointer slot);

  /// Segments that are open. Thread: any.
  [[nodiscard]] std::int64_t open_count(SegmentHeat heat) const { return count(heat).load(); }
  /// Cold segments that were opened beyond the limit so far. Thread: any.
  [[nodiscard]] std::uint64_t beyond_count() const { return beyond_count_.load(); }

 private:
  [[nodiscard]] std::atomic<std::int64_t>& count(SegmentHeat heat) const {
    return counts_->open[static_cast<std::size_t>(heat)];
  }
  [[nodiscard]] Nodes& nodes(SegmentHeat heat) {
    return heat == SegmentHeat::active ? active_ : cold_;
  }
  [[nodiscard]] bool has_room(SegmentHeat heat) const {
    return count(heat) < (heat == SegmentHeat::active ? limits_.active : limits_.cold);
  }
  [[nodiscard]] bool has_room_beyond() const {
    return count(SegmentHeat::cold) - limits_.cold < limits_.beyond;
  }
  void close_some(SegmentHeat heat);

  const OpenSegmentLimits limits_;
  const std::shared_ptr<Counts> counts_;  // slots may live longer
  Nodes active_;
  Nodes cold_;
  std::atomic<std::uint64_t> beyond_count_{0};
};

class OpenSegments::Slot {
 public:
  Slot(std::shared_ptr<Counts> counts, SegmentHeat heat) : counts_(std::move(counts)), heat_(heat) {
    ++of(heat);
  }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  ~Slot() { --of(heat_); }

  [[nodiscard]] SegmentHeat heat() const { return heat_; }  ///< Thread: that of the log

 private:
  friend class OpenSegments;
  [[nodiscard]] std::atomic<std::int64_t>& of(SegmentHeat heat) {
    return counts_->open[static_cast<std::size_t>(heat)];
  }
  void become(SegmentHeat heat) {
    --of(heat_);
    heat_ = heat;
    ++of(heat);
  }

  const std::shared_ptr<Counts> counts_;
  SegmentHeat heat_;
};

}  // namespace gregor::storage
