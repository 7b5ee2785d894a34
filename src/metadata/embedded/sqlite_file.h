// The SQLite file of the embedded store: one row per node, one row about the store. Nothing else
// knows SQL.
//
// Layout (application id "GREG", user version 1):
//   node(path, data, czxid, mzxid, pzxid, ctime_ms, mtime_ms, version, children_created, owner,
//   checksum) store(id = 1, zxid, last_session, nodes, checksum)
// `nodes` is the number of rows of node; each checksum is a CRC-32C over the row, so that damage is
// found at open.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "metadata/tree.h"
#include "runtime/file_system.h"

struct sqlite3;
struct sqlite3_stmt;

namespace gregor::metadata {

/// What is made durable in one transaction.
struct CommitRows {
  struct Row {
    std::string path;
    TreeNode node;  ///< without children
  };
  std::vector<Row> put;
  std::vector<std::string> removed;
  std::int64_t zxid = 0;
  std::int64_t last_session = 0;
  std::size_t nodes = 0;  ///< in the tree after the change
};

struct LoadedTree {
  Tree tree;
  std::int64_t last_session = 0;
};

/// Thread: blocks; one call at a time, from any thread.
class SqliteFile {
 public:
  /// Opens, or makes, the file and takes an exclusive lock on it. A new file appears under its name
  /// only when it is whole.
  /// @errors kafka_storage_error: damaged, not ours, newer, locked by another process, I/O; the
  /// text says which
  [[nodiscard]] static Result<std::unique_ptr<SqliteFile>> open(runtime::FileSystem& files,
                                                                std::string path);
  ~SqliteFile();
  SqliteFile(const SqliteFile&) = delete;
  SqliteFile& operator=(const SqliteFile&) = delete;

  /// Reads everything and checks every row. @errors kafka_storage_error: damaged, I/O
  [[nodiscard]] Result<LoadedTree> load();
  /// One transaction, synced when it returns ok. On an error it is rolled back as far as this
  /// process can tell.
  [[nodiscard]] Result<void> commit(const CommitRows& rows);
  [[nodiscard]] bool is_new() const { return is_new_; }

 private:
  struct StatementDeleter {
    void operator()(sqlite3_stmt* statement) const;
  };
  using Statement = std::unique_ptr<sqlite3_stmt, StatementDeleter>;

  explicit SqliteFile(std::string path) : path_(std::move(path)) {}
  [[nodiscard]] static Result<void> make_new(runtime::FileSystem& files, const std::string& path);
  [[nodiscard]] Result<void> connect(const std::string& path, int flags);
  [[nodiscard]] Result<void> check_identity();
  [[nodiscard]] Result<void> execute(const char* sql);
  [[nodiscard]] Result<std::int64_t> number(const char* sql);
  [[nodiscard]] Result<Statement> prepare(const char* sql);
  [[nodiscard]] Result<void> prepare_all();
  [[nodiscard]] Result<void> run(sqlite3_stmt* statement);
  [[nodiscard]] Result<void> write_rows(const CommitRows& rows);
  [[nodiscard]] Result<void> put_node(const CommitRows::Row& row);
  [[nodiscard]] Result<void> put_store(const CommitRows& rows);
  [[nodiscard]] Result<void> load_nodes(Tree& tree);
  [[nodiscard]] Result<std::size_t> load_store(LoadedTree& loaded);
  [[nodiscard]] tl::unexpected<Error> fault(int code) const;
  [[nodiscard]] tl::unexpected<Error> damaged(const std::string& what) const;

  std::string path_;
  sqlite3* database_ = nullptr;
  bool is_new_ = false;
  Statement put_node_;
  Statement remove_node_;
  Statement put_store_;
};

}  // namespace gregor::metadata
