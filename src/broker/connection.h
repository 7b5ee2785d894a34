// One client connection: cuts frames from the stream, lets several requests be worked on at once,
// answers in order.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/frame.h"
#include "broker/response.h"
#include "broker/shard_counters.h"
#include "broker/turns.h"
#include "runtime/network.h"
#include "runtime/shard.h"

namespace gregor::broker {

/// Wakes requests that wait for something (parked fetches) when their peer has gone.
///
/// Thread: the connection's shard.
class Disconnect {
 public:
  void add(runtime::OneShot* parked);
  void remove(runtime::OneShot* parked);
  void set();
  [[nodiscard]] bool is_set() const { return set_; }

 private:
  std::vector<runtime::OneShot*> parked_;
  bool set_ = false;
};

/// The name under which a connection's fetches leave notices, one fetch at a time.
struct FetchNoticeSlot {
  std::uint64_t notice = 0;  ///< 0 = none yet
  bool is_taken = false;
  UniqueFunction<void()> take_back;  ///< called when the connection has ended
};

/// Who is connected and through which door.
struct ConnectionInfo {
  std::string listener;  ///< listener name, e.g. PLAINTEXT
  std::string principal = "User:ANONYMOUS";
  runtime::SocketAddress peer;
  Disconnect* disconnect = nullptr;         ///< of this connection
  FetchNoticeSlot* fetch_notice = nullptr;  ///< of this connection
  Turns* session_turns = nullptr;      ///< of this connection: fetches of sessions, one at a time
  TrafficCounters* traffic = nullptr;  ///< where its bytes are counted, if at all
  std::string_view http_address = {};  ///< of the HTTP port, for those who have mixed them up
};

struct ConnectionLimits {
  std::size_t frame_bytes_max = 100 * 1024 * 1024;  ///< socket.request.max.bytes
  std::size_t pipelined_max = 16;                   ///< requests worked on at once
  runtime::Duration idle_max{};                     ///< connections.max.idle.ms
  runtime::Duration stall_max{};  ///< an answer without progress, or a frame slower than
                                  ///< frame_rate_min, for so long
  /// Bytes per second that a frame has to reach once stall_max has passed.
  static constexpr std::int64_t frame_rate_min = 8 * 1024;
};

/// Works on one frame. The buffer stays alive until the task has ended.
using FrameHandler =
    std::function<runtime::Task<Outcome>(const ConnectionInfo&, FrameBuffer& frame)>;

/// Thread:    its shard.
/// Invariant: answers leave in the order of their requests; after a bad frame nothing more is read,
/// what is pending is
///            still answered, then the stream is closed.
class Connection {
 public:
  Connection(runtime::Shard& shard, std::unique_ptr<runtime::Stream> stream, ConnectionInfo info,
             const ConnectionLimits& limits, FrameBudget& budget);
  ~Connection();

  /// Serves until the peer leaves, an error closes the connection, or stop() is called. Ends when
  /// nothing runs any more.
  runtime::Task<void> serve(const FrameHandler& handler);

  /// Reads no more; requests under way are answered, then it closes.
  void stop();
  /// Closes at once.
  void abort() { stream_->close(); }
  /// Closes if idle or stalled. Called from time to time.
  void check_time(runtime::Instant now);

  [[nodiscard]] const ConnectionInfo& info() const { return info_; }
  /// When bytes last came or went.
  [[nodiscard]] runtime::Instant last_used() const { return std::max(last_received_, last_sent_); }
  [[nodiscard]] bool is_stopping() const { return stopping_ || closed_; }

 private:
  struct Exchange {
    FrameBuffer frame;
    std::optional<Outcome> outcome;
  };
  enum class Reading { between_frames, waiting_for_budget, in_frame, ended };

  runtime::Task<void> read_frames(const FrameHandler& handler);
  runtime::Task<bool> read_frame(std::shared_ptr<Exchange> exchange);
  void start_frame();
  runtime::Task<bool> fill_inbox(std::size_t wanted);
  runtime::Task<bool> read_into(ByteSpan rest);
  runtime::Task<void> wait_for_slot();
  runtime::Task<void> work(const FrameHandler& handler, std::shared_ptr<Exchange> exchange);
  runtime::Task<void> drain();
  runtime::Task<bool> send(const ResponseFrame& response);
  runtime::Task<bool> send_with_slices(const ResponseFrame& response);
  [[nodiscard]] bool is_copied(const storage::LogSlice& slice) const;
  runtime::Task<bool> write_bytes(ByteView bytes);
  runtime::Task<bool> send_slice(const storage::LogSlice& slice);
  void note_received(std::size_t bytes);
  void note_sent(std::uint64_t bytes);
  void close_now();
  void log_closing(std::string_view reason);
  void refuse_size(std::int32_t size);
  [[nodiscard]] bool frame_is_stalled(runtime::Instant now) const;

  // Small requests are cut from here; a larger frame is read straight into its buffer.
  static constexpr std::size_t inbox_bytes = 2048;
  std::array<std::byte, inbox_bytes> inbox_;
  std::size_t inbox_begin_ = 0;
  std::size_t inbox_end_ = 0;

  runtime::Shard& shard_;
  std::unique_ptr<runtime::Stream> stream_;
  ConnectionInfo info_;
  const ConnectionLimits& limits_;
  FrameBudget& budget_;
  Turns session_turns_;
  std::deque<std::shared_ptr<Exchange>> pipeline_;
  std::unique_ptr<runtime::OneShot> slot_free_;
  Reading reading_ = Reading::between_frames;
  bool sending_ = false;
  bool stopping_ = false;
  bool closed_ = false;
  Disconnect disconnect_;
  FetchNoticeSlot fetch_notice_;
  runtime::Instant frame_started_{};
  std::int64_t frame_received_ = 0;
  runtime::Instant last_received_{};
  runtime::Instant last_sent_{};
  // Goes first: what it works on refers to the others, also when it is given up.
  runtime::TaskGroup requests_;
};

}  // namespace gregor::broker
