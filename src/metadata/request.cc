#include "metadata/request.h"

#include <fmt/format.h>

#include "base/assert.h"
#include "znode/path.h"

namespace gregor::metadata {
namespace {

// Waits for the answer and takes the value of type T out of it. `pending` keeps the request alive.
template <class T>
runtime::Task<StoreResult<T>> wait_for(RequestPointer pending) {
  Answer answer = co_await pending->wait();
  if (auto* failure = std::get_if<StoreFailure>(&answer)) {
    co_return tl::unexpected<StoreFailure>(std::move(*failure));
  }
  GREGOR_ASSERT(std::holds_alternative<T>(answer));
  co_return std::move(std::get<T>(answer));
}

using Results = std::vector<znode::OperationResult>;

runtime::Task<StoreResult<znode::OperationResult>> wait_for_first(RequestPointer pending) {
  auto results = co_await wait_for<Results>(std::move(pending));
  if (!results) co_return tl::unexpected<StoreFailure>(std::move(results.error()));
  GREGOR_ASSERT(results->size() == 1);
  co_return std::move(results->front());
}

runtime::Task<StoreResult<znode::Stat>> wait_for_stat(RequestPointer pending) {
  auto result = co_await wait_for_first(std::move(pending));
  if (!result) co_return tl::unexpected<StoreFailure>(std::move(result.error()));
  co_return result->stat;
}

runtime::Task<StoreResult<void>> wait_for_nothing(RequestPointer pending) {
  auto result = co_await wait_for_first(std::move(pending));
  if (!result) co_return tl::unexpected<StoreFailure>(std::move(result.error()));
  co_return StoreResult<void>{};
}

runtime::Task<void> wait_for_close(RequestPointer pending) {
  const Answer answer = co_await pending->wait();
  GREGOR_ASSERT(answer.index() <= 1);  // closed, or the session had ended before
}

constexpr std::size_t request_header_bytes = 8;  // xid, type
constexpr std::size_t multi_header_bytes =
    9;  // type, done, error: before each operation and at the end
constexpr std::size_t open_acl_bytes = 4 + 4 + 4 + 5 + 4 + 6;  // one entry: all, "world", "anyone"

struct WireSize {
  std::size_t operator()(const znode::op::Create& c) const {
    return 4 + c.path.size() + 4 + c.data.size() + open_acl_bytes + 4;
  }
  std::size_t operator()(const znode::op::Set& s) const {
    return 4 + s.path.size() + 4 + s.data.size() + 4;
  }
  std::size_t operator()(const znode::op::Delete& d) const { return 4 + d.path.size() + 4; }
  std::size_t operator()(const znode::op::Check& c) const { return 4 + c.path.size() + 4; }
};

std::string path_of(const znode::Operation& operation) {
  return std::visit([](const auto& op) { return op.path.substr(0, 300); }, operation);
}

}  // namespace

void PendingRequest::answer(Answer value) {
  GREGOR_ASSERT(!answer_);
  answer_ = std::move(value);
  if (waiting_) std::exchange(waiting_, {}).resume();
}

std::size_t wire_bytes(const ChangeRequest& change) {
  std::size_t bytes = request_header_bytes;
  const bool multi = change.operations.size() != 1;
  for (const auto& operation : change.operations) {
    bytes += std::visit(WireSize{}, operation) + (multi ? multi_header_bytes : 0);
  }
  return bytes + (multi ? multi_header_bytes : 0);
}

Answer answer_read(const Tree& tree, const ReadRequest& read, WatchTable& watches) {
  const auto wrap = [&](auto result, auto add_watch, bool also_absent) -> Answer {
    const bool absent = !result && result.error().error == znode::StoreError::no_node;
    if (read.watch == Watch::yes && (result || (absent && also_absent))) add_watch();
    if (!result) return std::move(result.error());
    return std::move(*result);
  };
  const auto on_node = [&] { watches.add_node(read.path); };
  switch (read.kind) {
    case ReadKind::get:
      return wrap(tree.get(read.path), on_node, false);
    case ReadKind::exists:
      return wrap(tree.exists(read.path), on_node, true);
    case ReadKind::children:
      break;
  }
  return wrap(
      tree.children(read.path), [&] { watches.add_children(read.path); }, false);
}

RequestPointer RequestStore::ask(RequestBody body) {
  auto request = std::make_shared<PendingRequest>(std::move(body));
  const auto* change = std::get_if<ChangeRequest>(&request->body());
  const std::size_t bytes = change == nullptr ? 0 : wire_bytes(*change);
  if (bytes > znode::request_bytes_max) {
    request->answer(StoreFailure{
        znode::StoreError::too_large,
        fmt::format("{}: a request of {} bytes is above {}", path_of(change->operations.front()),
                    bytes, znode::request_bytes_max),
        0});
    return request;
  }
  submit(request);
  return request;
}

RequestPointer RequestStore::ask_change(znode::Operation operation) {
  ChangeRequest change;
  change.operations.push_back(std::move(operation));
  return ask(std::move(change));
}

runtime::Task<StoreResult<znode::OperationResult>> RequestStore::create(
    znode::op::Create operation) {
  return wait_for_first(ask_change(std::move(operation)));
}

runtime::Task<StoreResult<NodeData>> RequestStore::get(std::string path, Watch watch) {
  return wait_for<NodeData>(ask(ReadRequest{ReadKind::get, std::move(path), watch}));
}

runtime::Task<StoreResult<znode::Stat>> RequestStore::set(znode::op::Set operation) {
  return wait_for_stat(ask_change(std::move(operation)));
}

runtime::Task<StoreResult<void>> RequestStore::remove(znode::op::Delete operation) {
  return wait_for_nothing(ask_change(std::move(operation)));
}

runtime::Task<StoreResult<znode::Stat>> RequestStore::exists(std::string path, Watch watch) {
  return wait_for<znode::Stat>(ask(ReadRequest{ReadKind::exists, std::move(path), watch}));
}

runtime::Task<StoreResult<NodeChildren>> RequestStore::children(std::string path, Watch watch) {
  return wait_for<NodeChildren>(ask(ReadRequest{ReadKind::children, std::move(path), watch}));
}

runtime::Task<StoreResult<std::vector<znode::OperationResult>>> RequestStore::multi(
    std::vector<znode::Operation> operations) {
  return wait_for<Results>(ask(ChangeRequest{std::move(operations)}));
}

runtime::Task<void> RequestStore::close() { return wait_for_close(ask(CloseRequest{})); }

}  // namespace gregor::metadata
