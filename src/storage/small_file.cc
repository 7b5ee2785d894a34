#include "storage/small_file.h"

#include <fmt/format.h>

#include <cerrno>

#include "storage/file_names.h"
#include "storage/planted_bug.h"

namespace gregor::storage {

Result<std::optional<std::string>> read_small_file(runtime::FileSystem& files,
                                                   const std::string& path) {
  auto file = files.open(path, runtime::OpenMode::read);
  if (!file && file.error().os_error == ENOENT) return std::nullopt;
  if (!file) return fail(std::move(file.error()));
  const auto size = (*file)->size();
  if (!size) return fail(size.error());
  if (*size > small_file_bytes_max) {
    return fail(
        ErrorCode::kafka_storage_error,
        fmt::format("{} has {} bytes, which is more than {}", path, *size, small_file_bytes_max));
  }
  std::string text(*size, '\0');
  const auto got = (*file)->read_at(0, {reinterpret_cast<std::byte*>(text.data()), text.size()});
  if (!got) return fail(got.error());
  text.resize(*got);
  return text;
}

Result<void> replace_small_file_unsynced(runtime::FileSystem& files, const std::string& path,
                                         std::string_view content) {
  const std::string temporary = path + std::string(names::temporary_suffix);
  auto file = files.open(temporary, runtime::OpenMode::create);
  if (!file) return fail(std::move(file.error()));
  if (auto cut = (*file)->truncate(0); !cut) return cut;
  if (auto wrote = (*file)->write_at(0, as_bytes(content)); !wrote) return wrote;
  if (auto synced = (*file)->sync_data(); !synced) return synced;
  return files.rename(temporary, path);
}

Result<void> replace_small_file(runtime::FileSystem& files, const std::string& path,
                                std::string_view content) {
  if (auto replaced = replace_small_file_unsynced(files, path, content); !replaced) return replaced;
  return sync_entries(files, parent_directory(path));
}

Result<void> sync_entries(runtime::FileSystem& files, const std::string& directory) {
  if (is_planted(PlantedBug::skip_directory_sync)) return {};
  return files.sync_directory(directory);
}

}  // namespace gregor::storage
