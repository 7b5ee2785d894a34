// The main of the fuzz programs where there is no libFuzzer: runs the files that are named, and all
// files of the folders that are named, through LLVMFuzzerTestOneInput. An input that breaks
// something ends the program by a signal, and its name is told. Exit code 1 if there was no input.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

char running[4096];  // name of the input, for the signal handler

extern "C" void tell_input(int signal) {
  constexpr char text[] = "the input was ";
  static_cast<void>(!::write(STDERR_FILENO, text, sizeof text - 1));
  static_cast<void>(!::write(STDERR_FILENO, running, std::strlen(running)));
  static_cast<void>(!::write(STDERR_FILENO, "\n", 1));
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

std::vector<std::string> files_of(const std::filesystem::path& path) {
  std::vector<std::string> files;
  if (!std::filesystem::is_directory(path)) return {path.string()};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  }
  std::ranges::sort(files);
  return files;
}

bool run(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (file.bad() || !file.is_open()) {
    std::fprintf(stderr, "%s can't be read\n", path.c_str());
    return false;
  }
  std::snprintf(running, sizeof running, "%s", path.c_str());
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  for (const int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGILL, SIGBUS}) {
    std::signal(signal, tell_input);
  }
  int inputs = 0;
  for (int i = 1; i < count; ++i) {
    for (const auto& file : files_of(arguments[i])) {
      if (!run(file)) return 1;
      ++inputs;
    }
  }
  std::printf("%d inputs\n", inputs);
  return inputs == 0 ? 1 : 0;
}
