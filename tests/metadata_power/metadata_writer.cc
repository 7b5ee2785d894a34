// Changes an embedded metadata store without an end and says which changes were acknowledged; later
// checks the store against that. Driven by the suite that cuts the power.
//
//   metadata_writer write  STORE ACKS [UNSYNCED]   appends "N\n" to the file ACKS once change N and
//   all before it were
//                                                  answered; also to UNSYNCED, which is never
//                                                  synced (it shows what a power cut takes). Ends
//                                                  with 3 when the store refuses.
//   metadata_writer verify STORE LAST              LAST = the last number acknowledged, -1 = none.
//   Prints the last change
//                                                  that is there; ends with 1 if an acknowledged
//                                                  one is not, or if the store is not what the
//                                                  changes up to there make it.
//
// Change n: creates /made/n (with data that depends on n), sets /counter to n, and deletes /made/(n
// - 50); in one multi for odd n, one after the other for even n.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <vector>

#include "metadata/embedded/embedded_store.h"
#include "runtime/real/real_runtime.h"

namespace gregor {
namespace {

using metadata::EmbeddedStore;
using metadata::Watch;
using runtime::Task;

constexpr std::int64_t kept_max = 50;  // nodes below /made

std::string node_path(std::int64_t n) { return "/made/" + std::to_string(n); }

// Sizes from a few bytes to several pages.
std::string node_data(std::int64_t n) {
  return fmt::format("{}:{}", n, std::string(static_cast<std::size_t>(n * 7919 % 9000), 'x'));
}

znode::Operation create(std::string path, std::string data) {
  return znode::op::Create{std::move(path), std::move(data), znode::CreateMode::persistent};
}

std::vector<znode::Operation> change(std::int64_t n) {
  std::vector<znode::Operation> operations;
  operations.push_back(create(node_path(n), node_data(n)));
  operations.push_back(znode::op::Set{"/counter", std::to_string(n)});
  if (n >= kept_max) operations.push_back(znode::op::Delete{node_path(n - kept_max)});
  return operations;
}

using Answer = Task<metadata::StoreResult<std::vector<znode::OperationResult>>>;

/// A change under way.
struct Asked {
  std::int64_t number = 0;
  std::vector<Answer> answers;
};

Asked ask(metadata::Store& store, std::int64_t n) {
  Asked asked;
  asked.number = n;
  auto operations = change(n);
  if (n % 2 == 1) {
    asked.answers.push_back(store.multi(std::move(operations)));
    return asked;
  }
  // One by one; the counter goes last, so that a change that is there in part does not count.
  std::swap(operations[1], operations.back());
  for (auto& operation : operations) {
    std::vector<znode::Operation> single;
    single.push_back(std::move(operation));
    asked.answers.push_back(store.multi(std::move(single)));
  }
  return asked;
}

void append(int file, std::int64_t n) {
  const std::string line = std::to_string(n) + "\n";
  if (file >= 0 && ::write(file, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    std::_Exit(4);
}

Task<std::int64_t> last_change(metadata::Store& store) {
  auto counter = co_await store.get("/counter", Watch::no);
  co_return counter ? std::strtoll(counter->data.c_str(), nullptr, 10) : -1;
}

Task<void> make_base(metadata::Store& store) {
  for (const char* path : {"/made", "/counter"}) {
    znode::op::Create base{path, "-1", znode::CreateMode::persistent};
    auto made = co_await store.create(std::move(base));
    if (!made && made.error().error != znode::StoreError::node_exists) std::_Exit(3);
  }
}

Task<void> write(runtime::Shard& shard, std::string path, int acks, int unsynced) {
  auto opened = co_await EmbeddedStore::open(shard, path);
  if (!opened) {
    fmt::print(stderr, "{}\n", opened.error().detail);
    std::_Exit(2);
  }
  auto& store = **opened;
  co_await make_base(store);
  std::deque<Asked> under_way;
  const std::int64_t first = co_await last_change(store) + 1;
  // What a change that was cut short has made already is in its way.
  znode::op::Delete half{node_path(first)};
  auto removed = co_await store.remove(std::move(half));
  if (!removed && removed.error().error != znode::StoreError::no_node) std::_Exit(3);
  for (std::int64_t n = first;; ++n) {
    under_way.push_back(ask(store, n));
    // Now alone, now many in one commit.
    const std::size_t width = 1 + static_cast<std::size_t>(n / 64 % 8);
    while (under_way.size() >= width) {
      auto asked = std::move(under_way.front());
      under_way.pop_front();
      for (auto& answer : asked.answers) {
        auto result = co_await std::move(answer);
        // The node to delete may have gone with a change that was cut short.
        if (result || result.error().error == znode::StoreError::no_node) continue;
        fmt::print(stderr, "change {}: {}\n", asked.number, result.error().detail);
        std::_Exit(3);
      }
      append(acks, asked.number);
      append(unsynced, asked.number);
    }
  }
}

// @return what is wrong, "" if nothing.
Task<std::string> judge(metadata::Store& store, std::int64_t acknowledged) {
  const std::int64_t last = co_await last_change(store);
  fmt::print("{}\n", last);
  if (last < acknowledged)
    co_return fmt::format("change {} was acknowledged, the last there is {}", acknowledged, last);
  if (last < 0) co_return "";
  auto listed = co_await store.children("/made", Watch::no);
  if (!listed) co_return listed.error().detail;
  for (std::int64_t n = std::max<std::int64_t>(0, last - kept_max + 1); n <= last; ++n) {
    auto node = co_await store.get(node_path(n), Watch::no);
    if (!node) co_return fmt::format("{}: {}", node_path(n), node.error().detail);
    if (node->data != node_data(n)) co_return fmt::format("{} holds something else", node_path(n));
  }
  // One more may be there of a change that was cut short, one less of its deletion.
  const auto expected = std::min(last + 1, kept_max);
  const auto found = static_cast<std::int64_t>(listed->names.size());
  if (found < expected || found > expected + 1)
    co_return fmt::format("{} nodes instead of {}", found, expected);
  co_return "";
}

Task<void> verify(runtime::Shard& shard, std::string path, std::int64_t acknowledged, int& status) {
  status = 1;
  auto opened = co_await EmbeddedStore::open(shard, path);
  if (!opened) {
    fmt::print(stderr, "{}\n", opened.error().detail);
    co_return;
  }
  const auto fault = co_await judge(**opened, acknowledged);
  if (!fault.empty()) fmt::print(stderr, "{}\n", fault);
  if (fault.empty()) status = 0;
  co_await (*opened)->close();
}

int run(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  runtime::real::RealRuntime runtime({.shard_count = 1, .io_threads = 1});
  runtime.start();
  auto& shard = runtime.shard(runtime::ShardId(0));
  int status = 64;
  if (words.size() >= 3 && words[0] == "write") {
    constexpr int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
    const int acks = ::open(words[2].c_str(), flags, 0644);
    const int unsynced = words.size() > 3 ? ::open(words[3].c_str(), flags, 0644) : -1;
    runtime.run([&] { return write(shard, words[1], acks, unsynced); });
  } else if (words.size() == 3 && words[0] == "verify") {
    const auto last = std::strtoll(words[2].c_str(), nullptr, 10);
    runtime.run([&] { return verify(shard, words[1], last, status); });
  } else {
    fmt::print(stderr, "usage: metadata_writer write STORE ACKS [UNSYNCED] | verify STORE LAST\n");
  }
  runtime.stop();
  return status;
}

}  // namespace
}  // namespace gregor

int main(int count, char** arguments) { return gregor::run(count, arguments); }
