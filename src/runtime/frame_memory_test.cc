// Frames come back to those that ask for their size, whole and apart from each other.
#include "runtime/frame_memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <future>
#include <vector>

namespace gregor::runtime {
namespace {

constexpr std::size_t kept_per_class_max = 16 * 1024;

TEST(FrameMemoryTest, frames_of_all_sizes_do_not_overlap_and_keep_what_is_written) {
  struct Taken {
    unsigned char* bytes;
    std::size_t size;
  };
  std::vector<Taken> taken;
  for (int round = 0; round < 3; ++round) {
    for (std::size_t size = 1; size <= 5000; size += 37) {
      taken.push_back({static_cast<unsigned char*>(frame_memory::take(size)), size});
      std::memset(taken.back().bytes, static_cast<int>(taken.size() % 251), size);
    }
    for (std::size_t i = 0; i < taken.size(); ++i) {
      EXPECT_EQ(taken[i].bytes[0], (i + 1) % 251);
      EXPECT_EQ(taken[i].bytes[taken[i].size - 1], (i + 1) % 251);
    }
    for (const Taken& each : taken) frame_memory::give_back(each.bytes, each.size);
    taken.clear();
  }
}

#ifndef __SANITIZE_ADDRESS__
TEST(FrameMemoryTest, the_frame_given_back_last_is_taken_first) {
  void* const first = frame_memory::take(700);
  void* const second = frame_memory::take(704);
  frame_memory::give_back(first, 700);
  frame_memory::give_back(second, 704);
  EXPECT_EQ(frame_memory::take(650), second);
  EXPECT_EQ(frame_memory::take(699), first);
  frame_memory::give_back(first, 699);
  frame_memory::give_back(second, 650);
}

TEST(FrameMemoryTest, keeps_only_so_much) {
  constexpr std::size_t size = 1024;
  std::vector<void*> frames;
  for (int i = 0; i < 100; ++i) frames.push_back(frame_memory::take(size));
  for (void* frame : frames) frame_memory::give_back(frame, size);
  // The first ones given back were kept, the others have gone.
  for (std::size_t i = kept_per_class_max / size; i > 0; --i)
    EXPECT_EQ(frame_memory::take(size), frames[i - 1]);
  for (std::size_t i = 0; i < kept_per_class_max / size; ++i)
    frame_memory::give_back(frames[i], size);
}
#endif

TEST(FrameMemoryTest, a_frame_may_be_given_back_on_another_thread) {
  void* const frame = frame_memory::take(200);
  std::async(std::launch::async, [frame] { frame_memory::give_back(frame, 200); }).get();
  void* const next = frame_memory::take(200);
  frame_memory::give_back(next, 200);
}

}  // namespace
}  // namespace gregor::runtime
