#include "metadata/embedded/sqlite_file.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <array>
#include <cerrno>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "znode/path.h"

namespace gregor::metadata {
namespace {

constexpr std::int64_t application_id = 0x47524547;  // "GREG"
constexpr std::int64_t schema_version = 1;

constexpr const char* schema =
    "PRAGMA application_id = 0x47524547;"
    "PRAGMA user_version = 1;"
    "CREATE TABLE node(path TEXT PRIMARY KEY NOT NULL, data BLOB NOT NULL, czxid INTEGER NOT NULL,"
    " mzxid INTEGER NOT NULL, pzxid INTEGER NOT NULL, ctime_ms INTEGER NOT NULL, mtime_ms INTEGER "
    "NOT NULL,"
    " version INTEGER NOT NULL, children_created INTEGER NOT NULL, owner INTEGER NOT NULL,"
    " checksum INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE store(id INTEGER PRIMARY KEY CHECK (id = 1), zxid INTEGER NOT NULL,"
    " last_session INTEGER NOT NULL, nodes INTEGER NOT NULL, checksum INTEGER NOT NULL);";

// The tree is in memory, so SQLite's own cache may be small; its log is cut back to 4 MiB after a
// checkpoint.
constexpr const char* settings =
    "PRAGMA synchronous = FULL;"
    "PRAGMA cache_size = -512;"
    "PRAGMA journal_size_limit = 4194304;";

constexpr const char* put_node_sql =
    "INSERT OR REPLACE INTO node VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
constexpr const char* put_store_sql = "INSERT OR REPLACE INTO store VALUES(1, ?1, ?2, ?3, ?4)";
constexpr const char* load_nodes_sql =
    "SELECT path, data, czxid, mzxid, pzxid, ctime_ms, mtime_ms, version, children_created, owner, "
    "checksum"
    " FROM node ORDER BY path";

// The numbers of a row in the order of its columns.
using NodeNumbers = std::array<std::int64_t, 8>;

NodeNumbers numbers_of(const TreeNode& node) {
  return {node.czxid,
          node.mzxid,
          node.pzxid,
          node.ctime_ms,
          node.mtime_ms,
          node.version,
          static_cast<std::int64_t>(node.children_created),
          node.ephemeral_owner};
}

template <std::size_t N>
std::int64_t checksum(std::string_view path, std::string_view data,
                      const std::array<std::int64_t, N>& numbers) {
  std::string row;
  row.reserve(path.size() + data.size() + 8 * N + 1);
  row.append(path).push_back('\0');
  row.append(data);
  for (const std::int64_t each : numbers) {
    std::array<std::byte, 8> bytes;
    store_be(bytes.data(), each);
    row.append(as_text(bytes));
  }
  return crc32c(as_bytes(row));
}

std::string_view column_bytes(sqlite3_stmt* row, int column) {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(row, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(row, column));
  return data == nullptr ? std::string_view() : std::string_view(data, size);
}

void bind_text(sqlite3_stmt* statement, int index, const std::string& text) {
  // A failed binding is reported by the next step as NOT NULL; both are I/O-like errors here.
  sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

}  // namespace

void SqliteFile::StatementDeleter::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);  // its code repeats that of the last step, which was looked at
}

SqliteFile::~SqliteFile() {
  put_node_.reset();
  remove_node_.reset();
  put_store_.reset();
  // Closing moves what is in the log to the file; if that fails the log stays and the next open
  // reads it.
  sqlite3_close_v2(database_);
}

Result<std::unique_ptr<SqliteFile>> SqliteFile::open(runtime::FileSystem& files, std::string path) {
  std::unique_ptr<SqliteFile> file(new SqliteFile(path));
  const auto info = files.stat(path);
  if (!info && info.error().os_error != ENOENT) return fail(info.error());
  if (!info) {
    const auto log = files.stat(path + "-wal");
    if (log && log->size > 0) {
      return file->damaged("the file is missing, but its log " + path + "-wal is there");
    }
    if (auto made = make_new(files, path); !made) return fail(made.error());
    file->is_new_ = true;
  } else if (!info->is_regular) {
    return file->damaged("not a regular file");
  } else if (info->size == 0) {
    return file->damaged("the file is empty");
  }
  if (auto connected = file->connect(path, SQLITE_OPEN_READWRITE); !connected)
    return fail(connected.error());
  if (auto ours = file->check_identity(); !ours) return fail(ours.error());
  // Only now may anything be written to it.
  if (auto mode = file->execute("PRAGMA journal_mode = WAL"); !mode) return fail(mode.error());
  if (auto set = file->execute(settings); !set) return fail(set.error());
  if (auto prepared = file->prepare_all(); !prepared) return fail(prepared.error());
  return file;
}

// Everything is written un-synced under another name, synced once, and renamed.
Result<void> SqliteFile::make_new(runtime::FileSystem& files, const std::string& path) {
  const std::string draft_path = path + ".new";
  for (const char* rest : {"", "-wal", "-journal"}) {
    if (auto removed = files.remove(draft_path + rest); !removed) return removed;
  }
  {
    SqliteFile draft(draft_path);
    if (auto ok = draft.connect(draft_path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE); !ok)
      return ok;
    if (auto ok = draft.execute("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY; BEGIN");
        !ok)
      return ok;
    if (auto ok = draft.execute(schema); !ok) return ok;
    if (auto ok = draft.prepare_all(); !ok) return ok;
    CommitRows rows;
    rows.put.push_back({"/", TreeNode{}});
    rows.nodes = 1;
    if (auto ok = draft.write_rows(rows); !ok) return ok;
    if (auto ok = draft.execute("COMMIT"); !ok) return ok;
    // Marks the file, so that the first real open need not write.
    if (auto ok = draft.execute("PRAGMA journal_mode = WAL"); !ok) return ok;
  }
  auto whole = files.open(draft_path, runtime::OpenMode::read_write);
  if (!whole) return fail(whole.error());
  if (auto synced = (*whole)->sync_data(); !synced) return synced;
  whole->reset();
  if (auto renamed = files.rename(draft_path, path); !renamed) return renamed;
  return files.sync_directory(std::string(path.substr(0, path.rfind('/') + 1)) + ".");
}

Result<void> SqliteFile::connect(const std::string& path, int flags) {
  const int code = sqlite3_open_v2(path.c_str(), &database_, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) return fault(code);
  sqlite3_extended_result_codes(database_, 1);
  // With this before the first access, WAL needs no shared memory file.
  return execute("PRAGMA locking_mode = EXCLUSIVE");
}

Result<void> SqliteFile::check_identity() {
  const auto application = number("PRAGMA application_id");
  if (!application) return fail(application.error());
  if (*application != application_id)
    return damaged("an SQLite file that is not a metadata store of Gregor");
  const auto version = number("PRAGMA user_version");
  if (!version) return fail(version.error());
  if (*version != schema_version) {
    return damaged(fmt::format("made by {} version of Gregor (schema {}, this one reads {})",
                               *version > schema_version ? "a newer" : "an unknown", *version,
                               schema_version));
  }
  if (sqlite3_db_readonly(database_, "main") != 0) return damaged("no permission to write to it");
  return {};
}

Result<void> SqliteFile::prepare_all() {
  auto put_node = prepare(put_node_sql);
  if (!put_node) return fail(put_node.error());
  auto remove_node = prepare("DELETE FROM node WHERE path = ?1");
  if (!remove_node) return fail(remove_node.error());
  auto put_store = prepare(put_store_sql);
  if (!put_store) return fail(put_store.error());
  put_node_ = std::move(*put_node);
  remove_node_ = std::move(*remove_node);
  put_store_ = std::move(*put_store);
  return {};
}

Result<LoadedTree> SqliteFile::load() {
  LoadedTree loaded;
  const auto expected = load_store(loaded);
  if (!expected) return fail(expected.error());
  if (auto nodes = load_nodes(loaded.tree); !nodes) return fail(nodes.error());
  if (loaded.tree.size() != *expected) {
    return damaged(fmt::format("{} nodes where there should be {}", loaded.tree.size(), *expected));
  }
  return loaded;
}

Result<std::size_t> SqliteFile::load_store(LoadedTree& loaded) {
  auto statement = prepare("SELECT zxid, last_session, nodes, checksum FROM store WHERE id = 1");
  if (!statement) return fail(statement.error());
  auto* row = statement->get();
  const int code = sqlite3_step(row);
  if (code == SQLITE_DONE) return damaged("the row about the store is missing");
  if (code != SQLITE_ROW) return fault(code);
  const std::array<std::int64_t, 3> numbers{
      sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1), sqlite3_column_int64(row, 2)};
  if (checksum("store", "", numbers) != sqlite3_column_int64(row, 3)) {
    return damaged("wrong checksum of the row about the store");
  }
  loaded.tree.restore_zxid(numbers[0]);
  loaded.last_session = numbers[1];
  return static_cast<std::size_t>(numbers[2]);
}

Result<void> SqliteFile::load_nodes(Tree& tree) {
  auto statement = prepare(load_nodes_sql);
  if (!statement) return fail(statement.error());
  auto* row = statement->get();
  for (;;) {
    const int code = sqlite3_step(row);
    if (code == SQLITE_DONE) return {};
    if (code != SQLITE_ROW) return fault(code);
    const std::string path(column_bytes(row, 0));
    TreeNode node;
    node.data = column_bytes(row, 1);
    node.czxid = sqlite3_column_int64(row, 2);
    node.mzxid = sqlite3_column_int64(row, 3);
    node.pzxid = sqlite3_column_int64(row, 4);
    node.ctime_ms = sqlite3_column_int64(row, 5);
    node.mtime_ms = sqlite3_column_int64(row, 6);
    node.version = sqlite3_column_int(row, 7);
    node.children_created = static_cast<std::uint32_t>(sqlite3_column_int64(row, 8));
    node.ephemeral_owner = sqlite3_column_int64(row, 9);
    if (checksum(path, node.data, numbers_of(node)) != sqlite3_column_int64(row, 10)) {
      return damaged("wrong checksum of node " + path);
    }
    // Parents sort before their children.
    if (!tree.restore(path, std::move(node))) return damaged("node out of place: " + path);
  }
}

Result<void> SqliteFile::commit(const CommitRows& rows) {
  auto done = execute("BEGIN IMMEDIATE");
  if (done) done = write_rows(rows);
  if (done) done = execute("COMMIT");
  if (!done && sqlite3_get_autocommit(database_) == 0) {
    // If this fails too, the load that follows a failed commit will say so.
    if (auto undone = execute("ROLLBACK"); !undone)
      done.error().detail += "; " + undone.error().detail;
  }
  return done;
}

Result<void> SqliteFile::write_rows(const CommitRows& rows) {
  for (const auto& path : rows.removed) {
    bind_text(remove_node_.get(), 1, path);
    if (auto ok = run(remove_node_.get()); !ok) return ok;
  }
  for (const auto& row : rows.put) {
    if (auto ok = put_node(row); !ok) return ok;
  }
  return put_store(rows);
}

Result<void> SqliteFile::put_node(const CommitRows::Row& row) {
  auto* statement = put_node_.get();
  const auto numbers = numbers_of(row.node);
  bind_text(statement, 1, row.path);
  if (row.node.data.empty()) {
    sqlite3_bind_zeroblob(statement, 2, 0);
  } else {
    sqlite3_bind_blob64(statement, 2, row.node.data.data(), row.node.data.size(), SQLITE_STATIC);
  }
  int column = 3;
  for (const std::int64_t each : numbers) sqlite3_bind_int64(statement, column++, each);
  sqlite3_bind_int64(statement, column, checksum(row.path, row.node.data, numbers));
  return run(statement);
}

Result<void> SqliteFile::put_store(const CommitRows& rows) {
  auto* statement = put_store_.get();
  const std::array<std::int64_t, 3> numbers{rows.zxid, rows.last_session,
                                            static_cast<std::int64_t>(rows.nodes)};
  for (int i = 0; i < 3; ++i)
    sqlite3_bind_int64(statement, i + 1, numbers[static_cast<std::size_t>(i)]);
  sqlite3_bind_int64(statement, 4, checksum("store", "", numbers));
  return run(statement);
}

Result<void> SqliteFile::run(sqlite3_stmt* statement) {
  const int code = sqlite3_step(statement);
  sqlite3_reset(statement);  // repeats the code of the step
  sqlite3_clear_bindings(statement);
  if (code != SQLITE_DONE) return fault(code);
  return {};
}

Result<void> SqliteFile::execute(const char* sql) {
  const int code = sqlite3_exec(database_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fault(code);
  return {};
}

Result<std::int64_t> SqliteFile::number(const char* sql) {
  auto statement = prepare(sql);
  if (!statement) return fail(statement.error());
  const int code = sqlite3_step(statement->get());
  if (code != SQLITE_ROW) return fault(code);
  return sqlite3_column_int64(statement->get(), 0);
}

Result<SqliteFile::Statement> SqliteFile::prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(database_, sql, -1, &statement, nullptr);
  if (code != SQLITE_OK) return fault(code);
  return Statement(statement);
}

tl::unexpected<Error> SqliteFile::fault(int code) const {
  const int os_error = database_ == nullptr ? 0 : sqlite3_system_errno(database_);
  switch (code & 0xff) {
    case SQLITE_NOTADB:
      return damaged("not an SQLite file");
    case SQLITE_CORRUPT:
      return damaged(fmt::format("SQLite: {}", sqlite3_errstr(code)));
    case SQLITE_BUSY:
      return fail(ErrorCode::kafka_storage_error,
                  fmt::format("metadata store {} is in use by another process", path_),
                  EWOULDBLOCK);
    default:
      break;
  }
  const char* text = database_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(database_);
  return fail(
      ErrorCode::kafka_storage_error,
      fmt::format("metadata store {}: {} (SQLite code {}, errno {})", path_, text, code, os_error),
      os_error);
}

tl::unexpected<Error> SqliteFile::damaged(const std::string& what) const {
  return fail(
      ErrorCode::kafka_storage_error,
      fmt::format("metadata store {} can't be used: {}. It was left as it is", path_, what));
}

}  // namespace gregor::metadata
