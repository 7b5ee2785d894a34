// slow_sync: LD_PRELOADed into a broker. Makes fdatasync and fsync take SLOW_SYNC_US microseconds
// longer, and counts them in the first 8 bytes of the file SLOW_SYNC_COUNT (native byte order).
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

using Sync = int (*)(int);

std::atomic<std::uint64_t>* counter() {
  static std::atomic<std::uint64_t>* const shared = [] {
    const char* path = std::getenv("SLOW_SYNC_COUNT");
    const int file = path == nullptr ? -1 : open(path, O_RDWR | O_CREAT, 0644);
    if (file < 0 || ftruncate(file, 4096) != 0) abort();
    void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (page == MAP_FAILED) abort();
    return static_cast<std::atomic<std::uint64_t>*>(page);
  }();
  return shared;
}

int slow(const char* name, int file) {
  const auto real = reinterpret_cast<Sync>(dlsym(RTLD_NEXT, name));
  const char* delay = std::getenv("SLOW_SYNC_US");
  counter()->fetch_add(1);
  const int result = real(file);
  if (delay != nullptr) usleep(static_cast<useconds_t>(std::atoi(delay)));
  return result;
}

}  // namespace

extern "C" int fdatasync(int file) { return slow("fdatasync", file); }
extern "C" int fsync(int file) { return slow("fsync", file); }
