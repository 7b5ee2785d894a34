#include "broker/doomed_files.h"

#include <utility>

#include "base/log.h"

namespace gregor::broker {

runtime::Task<void> DoomedFiles::remove_due() {
  while (!files_.empty() && files_.begin()->first <= shard_.clock().now()) {
    const std::vector<std::string> files = std::move(files_.begin()->second);
    files_.erase(files_.begin());
    auto remove = [this, &files]() -> Result<void> {
      Result<void> outcome;
      for (const std::string& path : files) {
        if (auto removed = shard_.file_system().remove(path); !removed) outcome = removed;
      }
      return outcome;
    };
    auto removed = co_await runtime::offload(shard_, remove);
    if (!removed) log::error(component_, "{} stays on the disk: {}", what_, removed.error().detail);
  }
}

}  // namespace gregor::broker
