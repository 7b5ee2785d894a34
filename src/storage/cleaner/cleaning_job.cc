#include "storage/cleaner/cleaning_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "storage/segment_swap.h"

namespace gregor::storage {
namespace {

using model::Offset;

/// Slots that the dirty part can need at most: there are no more keys than offsets, and a record
/// has some bytes.
OffsetMap make_map(const CleaningRequest& request, const MapLimits& limits) {
  const auto offsets =
      static_cast<std::uint64_t>(std::max<std::int64_t>(request.end - request.first_dirty, 0));
  const double load = std::clamp(limits.load_factor, 0.1, 0.99);
  const auto wanted = static_cast<std::uint64_t>(static_cast<double>(offsets) / load) + 2;
  const std::uint64_t slots_max =
      std::max<std::uint64_t>(limits.bytes_max / OffsetMap::slot_bytes, 2);
  const std::uint64_t slots = std::min(wanted, slots_max);
  const auto keys = static_cast<std::uint64_t>(static_cast<double>(slots) * load);
  return {slots, std::clamp<std::uint64_t>(keys, 1, slots - 1), limits.secret};
}

}  // namespace

CleaningJob::CleaningJob(runtime::FileSystem& files, CleaningRequest request,
                         const MapLimits& limits)
    : files_(files),
      request_(std::move(request)),
      map_(make_map(request_, limits)),
      cleaned_end_(request_.first_dirty) {
  GREGOR_ASSERT(!request_.segments.empty() && request_.first_dirty < request_.end);
  collector_.emplace(map_, request_.first_dirty, request_.aborted);
  while (next_segment_ + 1 < request_.segments.size() &&
         request_.segments[next_segment_ + 1].base <= request_.first_dirty) {
    ++next_segment_;
  }
}

Result<CleaningJob::Progress> CleaningJob::step(std::uint64_t bytes_max) {
  GREGOR_ASSERT(!ready_);
  return collector_ ? collect_some(bytes_max) : rewrite_some(bytes_max);
}

Result<void> CleaningJob::open(std::size_t index) {
  const GroupedSegment& segment = request_.segments[index];
  const std::string path = SegmentPlace{request_.directory, segment.base}.log_path();
  auto file = files_.open(path, runtime::OpenMode::read);
  if (!file) return fail(std::move(file.error()));
  source_.emplace(Source{index, BatchReader(std::move(*file), segment.size_bytes, path)});
  return {};
}

Result<CleaningJob::Progress> CleaningJob::collect_some(std::uint64_t bytes_max) {
  for (std::uint64_t read = 0; read < bytes_max;) {
    if (!source_) {
      if (next_segment_ == request_.segments.size()) {
        if (auto ended = end_collecting(); !ended) return fail(std::move(ended.error()));
        return Progress::going_on;
      }
      if (auto opened = open(next_segment_++); !opened) return fail(std::move(opened.error()));
    }
    const auto batch = source_->reader.next();
    if (!batch) return fail(batch.error());
    if (!*batch) {
      source_.reset();
      continue;
    }
    read += (*batch)->size_bytes();
    tally_.read_bytes += (*batch)->size_bytes();
    const auto added = collector_->add(**batch);
    if (!added) return fail(added.error());
    if (!*added) {
      if (auto ended = end_collecting(); !ended) return fail(std::move(ended.error()));
      return Progress::going_on;
    }
  }
  return Progress::going_on;
}

Result<void> CleaningJob::end_collecting() {
  cleaned_end_ =
      next_segment_ == request_.segments.size() && !source_ ? request_.end : collector_->end();
  if (cleaned_end_ <= request_.first_dirty) {
    return fail(ErrorCode::message_too_large,
                fmt::format("{}: the batch at offset {} has more keys than "
                            "log.cleaner.dedupe.buffer.size has room for",
                            request_.directory, request_.first_dirty.value()));
  }
  collector_.reset();
  source_.reset();
  tally_.keys = map_.size();
  FilterRules rules{cleaned_end_, request_.now, request_.config->delete_retention_ms,
                    std::move(request_.producers)};
  filter_.emplace(map_, std::move(rules), std::move(request_.aborted));
  return plan_groups();
}

Result<void> CleaningJob::plan_groups() {
  // A segment behind the end of the keys has nothing to lose.
  while (request_.segments.back().base >= cleaned_end_) {
    request_.end = request_.segments.back().base;
    request_.segments.pop_back();
  }
  for (auto& segment : request_.segments) {
    const SegmentPlace place{request_.directory, segment.base};
    const auto offsets = files_.stat(place.offset_index_path());
    if (!offsets) return fail(offsets.error());
    const auto times = files_.stat(place.time_index_path());
    if (!times) return fail(times.error());
    segment.offset_index_bytes = offsets->size;
    segment.time_index_bytes = times->size;
  }
  const GroupLimits limits{static_cast<std::uint64_t>(request_.config->segment_bytes),
                           static_cast<std::uint64_t>(request_.config->segment_index_bytes),
                           request_.end};
  groups_ = group_segments(request_.segments, limits);
  next_segment_ = 0;
  return {};
}

std::size_t CleaningJob::last_filled_of_group() const {
  std::size_t last = group_begin_ + groups_[group_] - 1;
  while (last > group_begin_ && request_.segments[last].size_bytes == 0) --last;
  return last;
}

Result<void> CleaningJob::begin_group() {
  group_begin_ = next_segment_;
  group_last_ = last_filled_of_group();
  const Offset base = request_.segments[group_begin_].base;
  making_ = base;
  auto writer = CleanedWriter::create(files_, request_.directory, base,
                                      request_.config->index_interval_bytes);
  if (!writer) return fail(std::move(writer.error()));
  writer_.emplace(std::move(*writer));
  return {};
}

Result<CleaningJob::Progress> CleaningJob::rewrite_some(std::uint64_t bytes_max) {
  for (std::uint64_t read = 0; read < bytes_max;) {
    if (group_ == groups_.size()) return Progress::done;
    if (!writer_) {
      if (auto begun = begin_group(); !begun) return fail(std::move(begun.error()));
    }
    if (!source_) {
      if (next_segment_ == group_begin_ + groups_[group_]) return end_group();
      if (auto opened = open(next_segment_++); !opened) return fail(std::move(opened.error()));
    }
    const auto batch = source_->reader.next();
    if (!batch) return fail(batch.error());
    if (!*batch) {
      source_.reset();
      continue;
    }
    read += (*batch)->size_bytes();
    tally_.read_bytes += (*batch)->size_bytes();
    const bool is_last = source_->index == group_last_ &&
                         source_->reader.position() == request_.segments[group_last_].size_bytes;
    const auto kept = filter_->filter(**batch, is_last);
    if (!kept) return fail(kept.error());
    if (kept->empty()) continue;
    if (auto added = writer_->add(*kept); !added) return fail(std::move(added.error()));
  }
  return Progress::going_on;
}

Result<CleaningJob::Progress> CleaningJob::end_group() {
  const SegmentPlace last{request_.directory, request_.segments[next_segment_ - 1].base};
  const auto info = files_.stat(last.log_path());
  if (!info) return fail(info.error());
  auto cleaned = writer_->finish(filter_->take_needed(), info->modified_ms);
  if (!cleaned) return fail(std::move(cleaned.error()));
  writer_.reset();
  for (std::size_t i = group_begin_; i < next_segment_; ++i) {
    cleaned->replaced.push_back(request_.segments[i].base);
    tally_.source_bytes += request_.segments[i].size_bytes;
  }
  tally_.written_bytes += cleaned->size_bytes;
  ready_ = std::move(*cleaned);
  ++group_;
  return Progress::segment_ready;
}

CleanedSegment CleaningJob::take_segment() {
  GREGOR_ASSERT(ready_.has_value());
  making_.reset();
  return *std::exchange(ready_, std::nullopt);
}

Result<void> CleaningJob::discard() {
  writer_.reset();
  source_.reset();
  if (!making_) return {};
  return discard_cleaned(files_, request_.directory, *std::exchange(making_, std::nullopt));
}

}  // namespace gregor::storage
