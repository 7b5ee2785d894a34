// How a fetch begins and ends: which partitions it is about, given its session, and what of its
// answer the client knows already.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error_code.h"
#include "broker/fetch_session.h"
#include "broker/request_context.h"
#include "protocol/fetch.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. A session of another shard is asked there, by message.
class FetchOpening {
 public:
  /// @param request must outlive it
  FetchOpening(RequestContext& context, const protocol::FetchRequest& request)
      : context_(context), request_(request) {}

  struct Opened {
    ErrorCode error = ErrorCode::none;  ///< of the whole answer
    FetchList list;                     ///< with names, where they are known
  };
  /// True if the fetch has to do with no session at all: open() would give asked().
  [[nodiscard]] bool is_plain() const { return is_full() && request_.session_id <= 0; }
  /// What the request itself lists.
  [[nodiscard]] FetchList asked() const;
  /// Before anything is read. Ends the session that a full fetch names.
  runtime::Task<Opened> open();

  /// True if the fetch belongs to a session, or wants one: then end() is to be called.
  [[nodiscard]] bool has_session() const { return session_id_ != 0 || request_.session_epoch == 0; }

  struct End {
    ErrorCode error = ErrorCode::none;
    std::int32_t session_id = 0;
    std::vector<bool> answered;  ///< per partition of the list; empty = all
  };
  /// Once all is read. Makes a session if one is wanted and there is room.
  runtime::Task<End> end(const FetchList& list, std::vector<FetchNews> news);

 private:
  [[nodiscard]] bool is_full() const {
    return request_.session_epoch == 0 || request_.session_epoch == -1;
  }
  [[nodiscard]] BrokerShard& owner_of_session() const;
  [[nodiscard]] FetchList listed() const;
  void find_names(FetchList& list) const;
  runtime::Task<FetchSessions::Opened> open_session(const FetchList& listed);

  RequestContext& context_;
  const protocol::FetchRequest& request_;
  std::int32_t session_id_ = 0;     // of an incremental fetch
  std::int32_t session_epoch_ = 0;  // as opened
};

}  // namespace gregor::broker
