// Memory of coroutine frames: each thread keeps those that ended for those that begin. A request
// makes some forty frames of a dozen sizes; the general allocator spent a third of its instructions
// on them.
#pragma once

#include <cstddef>

namespace gregor::runtime::frame_memory {

/// At least `size` bytes, aligned as operator new does it.
[[nodiscard]] void* take(std::size_t size);
/// @param size  what take() was asked for; on any thread
void give_back(void* frame, std::size_t size);

}  // namespace gregor::runtime::frame_memory
