// What a handler knows of the request that it works on.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "broker/connection.h"
#include "model/cluster_image.h"
#include "protocol/types.h"
#include "storage/partition_log.h"

namespace gregor::broker {

class BrokerShard;

/// Lives as long as the request; what the answer refers to is kept here until it is encoded.
///
/// Thread: the connection's shard.
struct RequestContext {
  BrokerShard& shard;
  const ConnectionInfo& connection;
  protocol::ApiVersion version = 0;
  std::optional<std::string_view> client_id;
  FrameBuffer& frame;
  /// The cluster as it was when the request came; names in answers may point into it.
  std::shared_ptr<const model::ClusterImage> image;

  /// Owns a text that the answer refers to.
  [[nodiscard]] std::string_view keep(std::string text) {
    return kept_.emplace_back(std::move(text));
  }

  /// Owns something else that the answer refers to.
  template <class T>
  [[nodiscard]] const T& hold(T value) {
    auto held = std::make_shared<const T>(std::move(value));
    const T& stays = *held;
    held_.push_back(std::move(held));
    return stays;
  }

  /// Gives the request's bytes back, for a request that may wait for long. Nothing that was decoded
  /// from them may be used any more, the client id neither.
  void release_frame() {
    client_id.reset();
    frame = FrameBuffer();
  }

  /// The writable bytes behind a view into this request's frame.
  [[nodiscard]] ByteSpan writable(ByteView part) const {
    return frame.bytes().subspan(static_cast<std::size_t>(part.data() - frame.bytes().data()),
                                 part.size());
  }

  /// Log slices of the answer's records fields with external bytes, in their order.
  std::vector<std::vector<storage::LogSlice>> slices;
  /// Set by a handler that wants no answer to be sent (acks=0).
  bool silent = false;
  /// Set by a handler that wants the connection closed instead of an answer.
  std::optional<std::string> close_reason;

  RequestContext(BrokerShard& on, const ConnectionInfo& from, FrameBuffer& bytes)
      : shard(on), connection(from), frame(bytes) {}

 private:
  std::list<std::string> kept_;
  std::vector<std::shared_ptr<const void>> held_;
};

}  // namespace gregor::broker
