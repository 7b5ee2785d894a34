// The connection's side of Fetch without its waiting: what is to be fetched cut into parts, and the
// parts' answers put together under the limits on sizes.
#pragma once

#include <cstdint>
#include <vector>

#include "broker/fetch_session.h"
#include "broker/handlers/fetch_reader.h"
#include "broker/request_context.h"
#include "protocol/fetch.h"

namespace gregor::broker {

/// Thread: the connection's shard.
class FetchPlan {
 public:
  /// @param request must outlive the plan
  /// @param list    what is to be fetched; names where they are known
  FetchPlan(RequestContext& context, const protocol::FetchRequest& request, FetchList list);

  [[nodiscard]] const FetchList& list() const { return list_; }
  [[nodiscard]] std::span<FetchPart> parts() { return parts_; }
  /// True if there is nothing to wait for, whatever was read.
  [[nodiscard]] bool answers_at_once() const { return at_once_; }
  [[nodiscard]] std::uint64_t bytes_min() const { return bytes_min_; }
  /// What has to be appended before it is worth while to read again. The small marker that ends a
  /// transaction may make much readable.
  [[nodiscard]] std::uint64_t bytes_missing(std::uint64_t bytes_read) const {
    return is_read_committed_ ? 1 : bytes_min_ - bytes_read;
  }

  /// Applies the limits to what was read, in the order of the list. @return the bytes that the
  /// answer would carry
  std::uint64_t limit();
  /// Lets go of what was read, to be read again: records that wait for more would keep old segments
  /// open.
  void drop_records();

  /// What the parts' answers say, per partition of the list.
  [[nodiscard]] std::vector<FetchNews> news() const;

  /// The answer; moves the slices into the context. To be called once.
  /// @param answered  which partitions of the list it carries; empty = all
  [[nodiscard]] protocol::FetchResponse respond(const std::vector<bool>& answered);

 private:
  // What becomes of a partition of the list: a part to read, or refused before any read.
  struct Place {
    std::size_t part = 0;
    ErrorCode refused = ErrorCode::none;
  };
  // `topic`: the partition's, null if the cluster has none of that name.
  [[nodiscard]] ErrorCode refusal_of(const FetchList::Partition& partition,
                                     const model::TopicImage* topic);
  void add(const FetchList::Partition& partition, const model::TopicImage* topic);
  [[nodiscard]] std::size_t topic_row(protocol::FetchResponse& response,
                                      std::vector<std::size_t>& rows, std::uint32_t topic);

  RequestContext& context_;
  const protocol::FetchRequest& request_;
  FetchList list_;
  std::vector<Place> places_;  // per partition of the list
  std::vector<FetchPart> parts_;
  std::uint64_t bytes_max_ = 0;
  std::uint64_t bytes_min_ = 0;
  bool at_once_ = false;
  bool is_read_committed_ = false;
};

}  // namespace gregor::broker
