#include "sim/fetch_watch.h"

#include <fmt/format.h>

#include <utility>

#include "base/assert.h"

namespace gregor::sim {
namespace {

double milliseconds(runtime::Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

FetchTicket FetchWatch::start(FetchUnderWay fetch) {
  fetches_.emplace(next_, std::move(fetch));
  return next_++;
}

void FetchWatch::appended(const PartitionKey& where, model::Offset end, runtime::Instant now) {
  for (auto& [ticket, fetch] : fetches_) {
    if (fetch.due || fetch.bytes_min > 1) continue;
    for (const FetchInterest& interest : fetch.interests) {
      if (interest.where == where && interest.from < end) fetch.due = now;
    }
  }
}

void FetchWatch::answered(FetchTicket ticket, runtime::Instant now) {
  const auto found = fetches_.find(ticket);
  if (found == fetches_.end()) return;
  const FetchUnderWay fetch = std::move(found->second);
  fetches_.erase(found);
  if (fetch.due && fetch.bytes_min <= 1 && now > *fetch.due + slack_) {
    violations_.add(
        "W1",
        fmt::format(
            "a fetch sent {:.1f} ms ago, with a wait of {:.1f} ms, was answered {:.1f} ms after a "
            "record that it waited for was acknowledged; {:.1f} ms are the limit",
            milliseconds(now - fetch.sent), milliseconds(fetch.wait_max),
            milliseconds(now - *fetch.due), milliseconds(slack_)));
  }
  if (now > fetch.sent + fetch.wait_max + slack_) {
    violations_.add("L4",
                    fmt::format("a fetch with a wait of {:.1f} ms was answered after {:.1f} ms",
                                milliseconds(fetch.wait_max), milliseconds(now - fetch.sent)));
  }
}

}  // namespace gregor::sim
