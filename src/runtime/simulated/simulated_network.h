// SimulatedNetwork: the wire as one shard sees it.
#pragma once

#include <memory>

#include "runtime/network.h"
#include "runtime/simulated/wire.h"

namespace gregor::runtime::simulated {

/// Thread: one. Borrows: the wire, which outlives it, its listeners and streams.
class SimulatedNetwork final : public Network {
 public:
  SimulatedNetwork(Wire& wire, Context context) : wire_(wire), context_(context) {}

  Result<std::unique_ptr<Listener>> listen(const SocketAddress& address,
                                           const ListenOptions& options) override;
  using Network::listen;
  Result<std::unique_ptr<Stream>> adopt(std::unique_ptr<AcceptedSocket> socket) override;
  Task<Result<std::unique_ptr<Stream>>> connect(SocketAddress address, Instant deadline) override;

 private:
  Wire& wire_;
  const Context context_;
};

}  // namespace gregor::runtime::simulated
