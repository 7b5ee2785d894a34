// A request to a store as a value, and RequestStore, which turns the calls of Store into such
// requests.
#pragma once

#include <coroutine>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "metadata/store.h"
#include "metadata/tree.h"
#include "metadata/watches.h"

namespace gregor::metadata {

enum class ReadKind { get, exists, children };

struct ReadRequest {
  ReadKind kind = ReadKind::get;
  std::string path;
  Watch watch = Watch::no;
};
struct ChangeRequest {
  std::vector<znode::Operation> operations;
};
struct CloseRequest {};

using RequestBody = std::variant<ReadRequest, ChangeRequest, CloseRequest>;

/// nullopt-like monostate: closed.
using Answer = std::variant<std::monostate, StoreFailure, NodeData, znode::Stat, NodeChildren,
                            std::vector<znode::OperationResult>>;

/// One call of a store: asked, then answered exactly once. Shared by the store's queue and the
/// waiting coroutine, so that either may go first.
///
/// Thread: one shard.
class PendingRequest {
 public:
  explicit PendingRequest(RequestBody body) : body_(std::move(body)) {}

  [[nodiscard]] const RequestBody& body() const { return body_; }
  [[nodiscard]] bool is_answered() const { return answer_.has_value(); }
  /// Gives the answer and goes on with the waiting coroutine, if there is one already.
  void answer(Answer value);

  /// co_await pending->wait() gives the answer.
  struct Awaiter {
    PendingRequest* request;
    explicit Awaiter(PendingRequest* r) : request(r) {}
    Awaiter(const Awaiter&) = delete;
    Awaiter& operator=(const Awaiter&) = delete;
    ~Awaiter() { request->waiting_ = {}; }  // also when the waiting coroutine is destroyed
    [[nodiscard]] bool await_ready() const noexcept { return request->is_answered(); }
    void await_suspend(std::coroutine_handle<> waiting) const { request->waiting_ = waiting; }
    Answer await_resume() const { return std::move(*request->answer_); }
  };
  [[nodiscard]] Awaiter wait() { return Awaiter(this); }

 private:
  RequestBody body_;
  std::optional<Answer> answer_;
  std::coroutine_handle<> waiting_;
};

using RequestPointer = std::shared_ptr<PendingRequest>;

/// Carries out a read on a tree and leaves its watch.
[[nodiscard]] Answer answer_read(const Tree& tree, const ReadRequest& read, WatchTable& watches);

/// Bytes of a change as ZooKeeper's client would send it. Source: its wire format (jute).
[[nodiscard]] std::size_t wire_bytes(const ChangeRequest& change);

/// The calls of Store as requests. Each is handed to submit() at the call itself, so that requests
/// are carried out in the order of the calls, awaited or not. Refused here: what is too large.
class RequestStore : public Store {
 public:
  runtime::Task<StoreResult<znode::OperationResult>> create(znode::op::Create operation) override;
  runtime::Task<StoreResult<NodeData>> get(std::string path, Watch watch) override;
  runtime::Task<StoreResult<znode::Stat>> set(znode::op::Set operation) override;
  runtime::Task<StoreResult<void>> remove(znode::op::Delete operation) override;
  runtime::Task<StoreResult<znode::Stat>> exists(std::string path, Watch watch) override;
  runtime::Task<StoreResult<NodeChildren>> children(std::string path, Watch watch) override;
  runtime::Task<StoreResult<std::vector<znode::OperationResult>>> multi(
      std::vector<znode::Operation> operations) override;
  runtime::Task<void> close() override;

 protected:
  /// Takes the request into the queue. It may answer at once.
  virtual void submit(RequestPointer request) = 0;

 private:
  RequestPointer ask(RequestBody body);
  RequestPointer ask_change(znode::Operation operation);
};

}  // namespace gregor::metadata
