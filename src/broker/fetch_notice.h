// Parked fetches: a fetch waits on its connection's shard and leaves one one-shot notice on each
// shard that owns some of its partitions.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "broker/partition.h"
#include "runtime/shard.h"

namespace gregor::broker {

/// A fetch that waits.
struct ParkedFetch {
  runtime::OneShot* signal = nullptr;
  std::vector<runtime::ShardId> woken_by;
};

/// The waiting side: one shard's parked fetches.
///
/// Thread: the connection's shard.
class ParkedFetches {
 public:
  explicit ParkedFetches(runtime::Shard& shard) : shard_(shard) {}

  /// A new name, for a fetch or for all fetches of a connection.
  [[nodiscard]] NoticeId make_id();
  /// wake(name) tells `fetch` until remove(name).
  void add(NoticeId notice, ParkedFetch& fetch) { parked_.insert_or_assign(notice, &fetch); }
  void remove(NoticeId notice) { parked_.erase(notice); }
  /// Unknown names (answered meanwhile) are ignored.
  /// @param from  the shard whose notice has fired
  void wake(NoticeId notice, runtime::ShardId from);
  [[nodiscard]] std::size_t size() const { return parked_.size(); }

  [[nodiscard]] static runtime::ShardId home_of(NoticeId notice) {
    return runtime::ShardId(static_cast<std::uint32_t>(notice >> 48));
  }

 private:
  runtime::Shard& shard_;
  std::map<NoticeId, ParkedFetch*> parked_;
  std::uint64_t next_ = 1;
};

/// The owning side: the notices left on one shard.
///
/// Thread: the partitions' shard.
class FetchNotices {
 public:
  /// @param wake  sends a wake-up to the shard of the notice
  explicit FetchNotices(UniqueFunction<void(NoticeId)> wake) : wake_(std::move(wake)) {}

  struct Place {
    std::shared_ptr<Partition> partition;
    model::Offset seen;  ///< high watermark that the fetch has read up to
  };
  /// Fires once, when the partitions have together grown by `bytes_wanted` since they were read, or
  /// one of them goes. Replaces a notice of the same name.
  void arm(NoticeId notice, std::uint64_t bytes_wanted, std::vector<Place> places);
  void disarm(NoticeId notice);
  /// Called by the partitions.
  void progress(NoticeId notice, std::uint64_t bytes);
  [[nodiscard]] std::size_t size() const { return armed_.size(); }

 private:
  struct Armed {
    std::uint64_t bytes_missing = 0;
    std::vector<Place> places;
  };
  UniqueFunction<void(NoticeId)> wake_;
  std::map<NoticeId, Armed> armed_;
};

}  // namespace gregor::broker
