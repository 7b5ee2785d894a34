// Asks every shard the same and does not wait for one that is stuck.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/shard.h"

namespace gregor::broker {

namespace detail {

template <class Answer>
struct Round {
  explicit Round(runtime::Shard& home) : answers(home.count()), missing(home.count()), done(home) {}
  std::vector<std::optional<Answer>> answers;
  std::size_t missing;
  runtime::OneShot done;
};

template <class Answer, class Work>
runtime::Task<void> answer_round(runtime::Shard& home, runtime::ShardId id,
                                 std::shared_ptr<Round<Answer>> round, Work work) {
  auto answer = std::make_unique<Answer>(co_await work(id));
  // The round goes back with the message: it ends on the shard that asked.
  home.post([round = std::move(round), id, answer = std::move(answer)] {
    round->answers[id.value()].emplace(std::move(*answer));
    if (--round->missing == 0) round->done.set();
  });
}

}  // namespace detail

/// Runs `work(shard id)`, which returns a Task<Answer>, on every shard.
///
/// @param work  copied to each shard; what it refers to must outlive the broker's shards, since a
/// late shard may run it after this has ended
/// @return by shard; nothing for those that have not answered by `deadline`
template <class Answer, class Work>
runtime::Task<std::vector<std::optional<Answer>>> ask_shards(runtime::Shard& home,
                                                             runtime::Instant deadline, Work work) {
  auto round = std::make_shared<detail::Round<Answer>>(home);
  for (std::uint32_t i = 0; i < home.count(); ++i) {
    const runtime::ShardId id(i);
    runtime::Shard& target = home.peer(id);
    target.post([&home, &target, id, round, work]() mutable {
      target.message_tasks().spawn(
          detail::answer_round<Answer, Work>(home, id, std::move(round), std::move(work)));
    });
  }
  co_await round->done.wait_until(deadline);
  co_return std::move(round->answers);
}

}  // namespace gregor::broker
