// Calls of the metadata store that ControllerService is made of: paths, cluster id, registration,
// election, topics.
//
// Every function here handles unknown outcomes by reading again, a limited number of times.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "controller/cluster_state.h"
#include "metadata/store.h"
#include "model/cluster_image.h"
#include "runtime/shard.h"
#include "znode/broker_node.h"

namespace gregor::broker {

/// Tries of one call while its outcome is unknown, and the pause between them.
inline constexpr int store_tries = 20;
inline constexpr runtime::Duration store_pause = std::chrono::milliseconds(100);

[[nodiscard]] Error to_error(const metadata::StoreFailure& failure, std::string_view doing);
[[nodiscard]] inline bool is(const metadata::StoreFailure& failure, znode::StoreError error) {
  return failure.error == error;
}

/// Pauses before the next try.
inline runtime::Task<void> pause(runtime::Shard& shard) {
  co_await runtime::sleep_until(shard, shard.clock().now() + store_pause);
}

/// Asks again while the outcome is unknown. `ask` makes the Task of one try; the call must be one
/// that may be repeated.
template <class F>
auto again_while_unknown(runtime::Shard& shard, F ask) -> decltype(ask()) {
  for (int tries = 1;; ++tries) {
    auto result = co_await ask();
    if (result || !is(result.error(), znode::StoreError::unknown) || tries == store_tries)
      co_return result;
    co_await pause(shard);
  }
}

/// What every broker finds, or makes, in a store before it registers.
struct StoreBase {
  std::string cluster_id;
  std::optional<metadata::NodeData>
      controller_epoch;  ///< absent: no controller was ever elected here
  std::size_t topics = 0;
};
/// Makes the paths that every broker makes and /cluster/id (with `cluster_id_if_new`) where they
/// are missing, and reads. All is asked for at once.
runtime::Task<Result<StoreBase>> make_base(runtime::Shard& shard, metadata::Store& store,
                                           std::string cluster_id_if_new);

/// Registers under /brokers/ids. A node that an earlier session with the same endpoints left behind
/// is replaced.
/// @return the broker epoch. @errors duplicate_broker_registration: another broker has that id
runtime::Task<Result<std::int64_t>> register_broker(runtime::Shard& shard, metadata::Store& store,
                                                    model::BrokerId id,
                                                    znode::BrokerRegistration registration);

struct Election {
  model::ControllerEpoch epoch;
  std::int32_t epoch_version = 0;  ///< of /controller_epoch: condition of all later writes
};
/// Becomes the controller. @errors not_controller: another broker is
runtime::Task<Result<Election>> elect_controller(runtime::Shard& shard, metadata::Store& store,
                                                 model::BrokerId id);

/// The quick way at a start where nothing is in the way: registration and election in one change.
struct Office {
  std::int64_t broker_epoch = -1;
  Election election;
};
/// @param controller_epoch  as make_base has read it
/// @return nullopt if something is in the way, or unknown: register_broker and elect_controller
/// sort it out.
runtime::Task<std::optional<Office>> take_office(
    runtime::Shard& shard, metadata::Store& store, model::BrokerId id,
    const znode::BrokerRegistration& registration,
    std::optional<metadata::NodeData> controller_epoch);

/// Live brokers, with watches on the list and on each.
runtime::Task<metadata::StoreResult<std::map<model::BrokerId, model::BrokerImage>>> read_brokers(
    metadata::Store& store);

/// Assignments, configs and states of topics. Topics that are gone or malformed (logged) are left
/// out; topics without an id get one written.
runtime::Task<metadata::StoreResult<std::vector<controller::LoadedTopic>>> read_topics(
    runtime::Shard& shard, metadata::Store& store, std::vector<std::string> names);

}  // namespace gregor::broker
