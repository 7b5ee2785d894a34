// What the tests here share: bytes and text, files by one call.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "runtime/file_system.h"
#include "runtime/simulated/world.h"

namespace gregor::runtime::simulated {

using namespace std::chrono_literals;

/// The contents of a file; "(errno)" if it cannot be read.
inline std::string contents(FileSystem& files, const std::string& path) {
  const auto file = files.open(path, OpenMode::read);
  if (!file) return "(" + std::to_string(file.error().os_error) + ")";
  const auto size = (*file)->size();
  if (!size) return "(" + std::to_string(size.error().os_error) + ")";
  std::string text(*size, '?');
  const auto got =
      (*file)->read_at(0, ByteSpan(reinterpret_cast<std::byte*>(text.data()), text.size()));
  if (!got) return "(" + std::to_string(got.error().os_error) + ")";
  EXPECT_EQ(*got, text.size());
  return text;
}

inline std::shared_ptr<File> open_file(FileSystem& files, const std::string& path,
                                       OpenMode mode = OpenMode::create) {
  auto file = files.open(path, mode);
  EXPECT_TRUE(file) << file.error().detail;
  return file ? *file : nullptr;
}

inline int write_text(File& file, std::uint64_t position, std::string_view text) {
  const auto written = file.write_at(position, as_bytes(text));
  return written ? 0 : written.error().os_error;
}

/// A file with this text, synced, its name too.
inline void put_durable(FileSystem& files, const std::string& path, std::string_view text) {
  const auto file = open_file(files, path);
  EXPECT_EQ(write_text(*file, 0, text), 0);
  EXPECT_TRUE(file->sync_data());
  EXPECT_TRUE(files.sync_directory(path.substr(0, path.rfind('/') + 1)));
}

}  // namespace gregor::runtime::simulated
