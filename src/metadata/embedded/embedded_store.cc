#include "metadata/embedded/embedded_store.h"

#include <deque>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "metadata/embedded/sqlite_file.h"

namespace gregor::metadata {
namespace {

using znode::SessionEvent;
using znode::StoreError;

/// Requests that one transaction takes at most.
constexpr std::size_t batch_requests_max = 10'000;

struct Opened {
  std::shared_ptr<SqliteFile> file;
  LoadedTree loaded;
};

Result<Opened> open_and_load(runtime::FileSystem& files, const std::string& path) {
  auto file = SqliteFile::open(files, path);
  if (!file) return fail(std::move(file.error()));
  auto loaded = (*file)->load();
  if (!loaded) return fail(std::move(loaded.error()));
  return Opened{std::move(*file), std::move(*loaded)};
}

/// One turn of the I/O pool: the requests that it answers, and what goes to the disk for them.
struct Job {
  struct Entry {
    RequestPointer request;
    Answer answer;
    std::vector<znode::WatchEvent> events;
  };
  std::vector<Entry> entries;
  CommitRows rows;
  bool writes = false;
  bool closes = false;
  // Made by the pool.
  std::optional<Error> fault;
  std::optional<LoadedTree> reloaded;  // after a fault: what the file says now
  std::shared_ptr<SqliteFile> file;
};

/// The store itself. Shared, since a job of the pool or an answer may outlive the EmbeddedStore.
class StoreState : public std::enable_shared_from_this<StoreState> {
 public:
  StoreState(runtime::Shard& shard, std::string path, Opened opened)
      : shard_(shard),
        path_(std::move(path)),
        file_(std::move(opened.file)),
        tree_(std::move(opened.loaded.tree)),
        session_id_(opened.loaded.last_session + 1),
        is_new_(file_->is_new()) {
    end_old_sessions();
  }

  void submit(RequestPointer request);
  /// The EmbeddedStore has gone without close(): nothing is told any more, the file is closed.
  void abandon() {
    on_watch_ = {};
    on_session_ = {};
    queue_.clear();
    closed_ = true;
    file_.reset();
  }

  UniqueFunction<void(const znode::WatchEvent&)> on_watch_;
  UniqueFunction<void(SessionEvent)> on_session_;
  EmbeddedCounters counters_;
  [[nodiscard]] std::int64_t session_id() const { return session_id_; }
  [[nodiscard]] bool is_new() const { return is_new_; }

 private:
  /// Removes ephemeral nodes of earlier runs from a tree just loaded. It is written with the next
  /// change; until then a new start would do the same.
  void end_old_sessions();
  void schedule();
  void start_job();
  void apply(const RequestPointer& request, Job& job);
  void collect_rows(Job& job);
  static void work(Job& job);
  void finish(Job& job);
  void finish_failed(Job& job);
  void deliver(Job& job, bool failed);
  void start_recovery();
  void finish_recovery(Result<Opened> opened);
  // A full disk makes every change fail: a line or two per second say enough.
  void log_fault(const char* what, const std::string& detail) {
    const auto held_back = faults_logged_.admit(shard_.clock().now().time_since_epoch().count());
    if (held_back < 0) return;
    log::error("metadata", "{}: {} ({} such lines were held back)", what, detail, held_back);
  }
  void tell(SessionEvent event) {
    if (on_session_) on_session_(event);
  }

  runtime::Shard& shard_;
  const std::string path_;
  std::shared_ptr<SqliteFile> file_;
  Tree tree_;
  WatchTable watches_;
  const std::int64_t session_id_;
  const bool is_new_;
  log::RateLimit faults_logged_{2};
  std::deque<RequestPointer> queue_;
  bool scheduled_ = false;  // a message that starts a job is on its way
  bool busy_ = false;       // a job runs, or its answers are being given
  bool broken_ = false;     // the file could not be read after a failed commit
  bool closed_ = false;
};

void StoreState::end_old_sessions() {
  for (const auto owner : tree_.ephemeral_owners()) {
    if (owner != session_id_) tree_.end_session(owner, shard_.clock().wall_ms());
  }
}

void StoreState::submit(RequestPointer request) {
  if (closed_) {
    request->answer(StoreFailure{StoreError::session_expired, "the store is closed", 0});
    return;
  }
  const auto* read = std::get_if<ReadRequest>(&request->body());
  if (read != nullptr && queue_.empty() && !busy_ && !broken_) {
    request->answer(answer_read(tree_, *read, watches_));
    return;
  }
  if (std::holds_alternative<ChangeRequest>(request->body())) ++counters_.requests;
  queue_.push_back(std::move(request));
  schedule();
}

// By a message, so that all requests of this turn share one transaction.
void StoreState::schedule() {
  if (busy_ || scheduled_) return;
  scheduled_ = true;
  shard_.post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->start_job();
  });
}

void StoreState::start_job() {
  scheduled_ = false;
  if (busy_ || queue_.empty()) return;
  busy_ = true;
  if (broken_) return start_recovery();
  auto job = std::make_shared<Job>();
  while (!queue_.empty() && !job->closes && job->entries.size() < batch_requests_max) {
    apply(queue_.front(), *job);
    queue_.pop_front();
  }
  collect_rows(*job);
  job->file = job->closes ? std::move(file_) : file_;
  if (!job->writes && !job->closes) return finish(*job);
  shard_.submit_io([job] { work(*job); }, [self = shared_from_this(), job] { self->finish(*job); });
}

void StoreState::apply(const RequestPointer& request, Job& job) {
  Job::Entry entry{request, {}, {}};
  if (const auto* read = std::get_if<ReadRequest>(&request->body())) {
    entry.answer = answer_read(tree_, *read, watches_);
  } else if (const auto* change = std::get_if<ChangeRequest>(&request->body())) {
    auto applied = tree_.apply(change->operations, {session_id_, shard_.clock().wall_ms()});
    if (applied) {
      entry.answer = std::move(applied->results);
      entry.events = watches_.fire(applied->events);
    } else {
      entry.answer = std::move(applied.error());
    }
  } else {
    tree_.end_session(session_id_, shard_.clock().wall_ms());
    watches_ = {};
    job.closes = true;
    closed_ = true;
  }
  job.entries.push_back(std::move(entry));
}

void StoreState::collect_rows(Job& job) {
  for (const auto& path : tree_.take_changed_paths()) {
    const auto* node = tree_.find(path);
    if (node == nullptr) {
      job.rows.removed.push_back(path);
      continue;
    }
    CommitRows::Row row{path, {}};
    row.node.data = node->data;
    row.node.czxid = node->czxid;
    row.node.mzxid = node->mzxid;
    row.node.pzxid = node->pzxid;
    row.node.ctime_ms = node->ctime_ms;
    row.node.mtime_ms = node->mtime_ms;
    row.node.ephemeral_owner = node->ephemeral_owner;
    row.node.version = node->version;
    row.node.children_created = node->children_created;
    job.rows.put.push_back(std::move(row));
  }
  job.rows.zxid = tree_.zxid();
  job.rows.last_session = session_id_;
  job.rows.nodes = tree_.size();
  job.writes = !job.rows.put.empty() || !job.rows.removed.empty();
}

// Thread: of the pool; touches nothing but the job.
void StoreState::work(Job& job) {
  Result<void> committed;
  if (job.writes) committed = job.file->commit(job.rows);
  if (!committed) {
    job.fault = std::move(committed.error());
    if (!job.closes) {
      auto loaded = job.file->load();
      if (loaded) {
        job.reloaded = std::move(*loaded);
      } else {
        job.fault->detail += "; reading it again: " + loaded.error().detail;
      }
    }
  }
  if (job.closes) job.file.reset();  // here, since it writes
}

void StoreState::finish(Job& job) {
  GREGOR_ASSERT(busy_);
  job.file.reset();  // the store alone says when it is closed
  if (job.fault) {
    finish_failed(job);
  } else {
    if (job.writes) ++counters_.commits;
    deliver(job, false);
  }
  if (job.closes) {
    for (auto& request : std::exchange(queue_, {})) {
      request->answer(StoreFailure{StoreError::session_expired, "the store is closed", 0});
    }
  }
  busy_ = false;
  if (!queue_.empty()) schedule();
}

void StoreState::finish_failed(Job& job) {
  ++counters_.failed_commits;
  log_fault("a commit failed", job.fault->detail);
  if (job.reloaded) {
    tree_ = std::move(job.reloaded->tree);
    end_old_sessions();
  } else {
    broken_ = true;
    file_.reset();
  }
  tell(SessionEvent::disconnected);
  deliver(job, true);
  if (!broken_) tell(SessionEvent::connected);
}

// Events of a failed change are told all the same: nobody knows whether it was made, and who
// watches reads again.
void StoreState::deliver(Job& job, bool failed) {
  for (auto& entry : job.entries) {
    for (const auto& event : entry.events) {
      if (on_watch_) on_watch_(event);
    }
    if (failed && !std::holds_alternative<CloseRequest>(entry.request->body())) {
      entry.answer = StoreFailure{StoreError::unknown, job.fault->detail, 0};
    }
    entry.request->answer(std::move(entry.answer));
  }
}

void StoreState::start_recovery() {
  struct Attempt {
    std::optional<Result<Opened>> opened;
  };
  auto attempt = std::make_shared<Attempt>();
  auto* files = &shard_.file_system();
  shard_.submit_io(
      [attempt, files, path = path_] { attempt->opened = open_and_load(*files, path); },
      [self = shared_from_this(), attempt] { self->finish_recovery(std::move(*attempt->opened)); });
}

void StoreState::finish_recovery(Result<Opened> opened) {
  if (opened) {
    file_ = std::move(opened->file);
    tree_ = std::move(opened->loaded.tree);
    end_old_sessions();
    broken_ = false;
    tell(SessionEvent::connected);
  } else {
    log_fault("the store can't be opened again", opened.error().detail);
    for (auto& request : std::exchange(queue_, {})) {
      const bool closes = std::holds_alternative<CloseRequest>(request->body());
      closed_ = closed_ || closes;
      request->answer(closes ? Answer()
                             : Answer(StoreFailure{StoreError::unknown, opened.error().detail, 0}));
    }
  }
  busy_ = false;
  if (!queue_.empty()) schedule();
}

class OpenStore final : public EmbeddedStore {
 public:
  explicit OpenStore(std::shared_ptr<StoreState> state) : state_(std::move(state)) {}
  ~OpenStore() override { state_->abandon(); }

  void on_watch(UniqueFunction<void(const znode::WatchEvent&)> callback) override {
    state_->on_watch_ = std::move(callback);
  }
  void on_session(UniqueFunction<void(SessionEvent)> callback) override {
    state_->on_session_ = std::move(callback);
  }
  [[nodiscard]] std::int64_t session_id() const override { return state_->session_id(); }
  [[nodiscard]] bool is_new() const override { return state_->is_new(); }
  [[nodiscard]] const EmbeddedCounters& counters() const override { return state_->counters_; }

 private:
  void submit(RequestPointer request) override { state_->submit(std::move(request)); }

  std::shared_ptr<StoreState> state_;
};

}  // namespace

runtime::Task<Result<std::unique_ptr<EmbeddedStore>>> EmbeddedStore::open(runtime::Shard& shard,
                                                                          std::string path) {
  auto* files = &shard.file_system();
  auto load = [files, path] { return open_and_load(*files, path); };
  auto opened = co_await runtime::offload(shard, std::move(load));
  if (!opened) co_return fail(std::move(opened.error()));
  auto state = std::make_shared<StoreState>(shard, path, std::move(*opened));
  co_return std::make_unique<OpenStore>(std::move(state));
}

}  // namespace gregor::metadata
