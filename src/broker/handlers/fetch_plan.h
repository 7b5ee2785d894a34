// The connection's side of Fetch without its waiting: a request cut into parts, and the parts'
// answers put together under the limits on sizes.
#pragma once

#include <cstdint>
#include <vector>

#include "broker/handlers/fetch_reader.h"
#include "broker/request_context.h"
#include "protocol/fetch.h"

namespace gregor::broker {

/// Thread: the connection's shard.
class FetchPlan {
 public:
  /// @param request must outlive the plan
  FetchPlan(RequestContext& context, const protocol::FetchRequest& request);

  [[nodiscard]] std::span<FetchPart> parts() { return parts_; }
  /// True if there is nothing to wait for, whatever was read.
  [[nodiscard]] bool answers_at_once() const { return at_once_; }
  [[nodiscard]] std::uint64_t bytes_min() const { return bytes_min_; }
  /// What has to be appended before it is worth while to read again. The small marker that ends a
  /// transaction may make much readable.
  [[nodiscard]] std::uint64_t bytes_missing(std::uint64_t bytes_read) const {
    return is_read_committed_ ? 1 : bytes_min_ - bytes_read;
  }

  /// Applies the limits in the order of the request. @return the bytes that the answer would carry
  std::uint64_t limit(std::vector<FetchAnswer>& answers) const;

  /// The answer; moves the slices into the context.
  [[nodiscard]] protocol::FetchResponse respond(std::vector<FetchAnswer> answers);

 private:
  struct Refused {
    std::size_t topic = 0;
    std::int32_t index = 0;
    ErrorCode error = ErrorCode::none;
  };
  void add(std::size_t topic, std::string_view name,
           const protocol::FetchRequest::FetchPartition& partition);

  RequestContext& context_;
  const protocol::FetchRequest& request_;
  std::vector<FetchPart> parts_;
  std::vector<std::size_t> part_topics_;  // place of a part's topic in the request
  std::vector<Refused> refused_;          // before any read
  std::uint64_t bytes_max_ = 0;
  std::uint64_t bytes_min_ = 0;
  bool at_once_ = false;
  bool is_read_committed_ = false;
};

}  // namespace gregor::broker
