// PosixFile: a File on a descriptor of the operating system.
#pragma once

#include <string>

#include "runtime/file_system.h"

namespace gregor::runtime::real {

/// Thread: any. Owns: the descriptor.
class PosixFile final : public File {
 public:
  /// @param path  as opened; only for messages
  PosixFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  ~PosixFile() override;
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  using File::write_at;
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t position, ByteSpan out) const override;
  [[nodiscard]] Result<void> write_at(std::uint64_t position,
                                      std::span<const ByteView> parts) override;
  [[nodiscard]] Result<void> sync_data() override;
  [[nodiscard]] Result<void> truncate(std::uint64_t size) override;
  [[nodiscard]] Result<std::uint64_t> size() const override;
  /// Asks the kernel for single bytes without waiting; false if the file system can't tell.
  [[nodiscard]] bool is_resident(std::uint64_t position, std::uint64_t size) const override;
  [[nodiscard]] int descriptor() const override { return descriptor_; }

 private:
  [[nodiscard]] tl::unexpected<Error> failure(std::string_view what) const;  // of errno
  [[nodiscard]] bool is_byte_resident(std::uint64_t position) const;

  const int descriptor_;
  const std::string path_;
};

}  // namespace gregor::runtime::real
