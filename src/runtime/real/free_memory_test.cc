// Memory that was freed below a block in use goes back to the operating system.
#include "runtime/real/free_memory.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "runtime/real/process.h"

namespace gregor::runtime::real {
namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

TEST(FreeMemoryTest, what_was_freed_below_a_block_in_use_goes_back) {
  const FreeMemory::Look first = FreeMemory::look(0, 0);
  std::vector<std::unique_ptr<std::vector<char>>> blocks;
  for (int i = 0; i < 64 * 1024; ++i)
    blocks.push_back(std::make_unique<std::vector<char>>(1024, 'x'));
  const auto kept = std::make_unique<std::vector<char>>(1024, 'y');
  const std::uint64_t full = process_usage().resident_bytes;
  blocks.clear();
  const FreeMemory::Look second = FreeMemory::look(first.free_bytes, 8 * mebibyte);
  EXPECT_TRUE(second.was_returned);
  EXPECT_LT(process_usage().resident_bytes, full - 48 * mebibyte);
  EXPECT_GT(second.free_bytes, first.free_bytes + 48 * mebibyte);
  // The system has it: that is no reason to look for it again.
  EXPECT_FALSE(FreeMemory::look(second.free_bytes, 8 * mebibyte).was_returned);
  EXPECT_EQ(kept->front(), 'y');
}

}  // namespace
}  // namespace gregor::runtime::real
