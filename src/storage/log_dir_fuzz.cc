// Fuzz target (libFuzzer): a log dir that something has damaged. The input is a list of edits of
// the files of a small valid one, which is then opened, read, looked up in, appended to, closed
// and opened again. Beyond "no crash": all that is read is whole batches with good CRCs, reading
// goes forward, what was appended can be read, and what was closed opens with the same end.
//
// Input: one byte of flags, then edits: file, operation, position (2 bytes), count, bytes.
#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "model/batch_builder.h"
#include "model/end_marker.h"
#include "storage/file_names.h"
#include "storage/simulated_test_support.h"

namespace gregor::storage {
namespace {

using model::LeaderEpoch;
using model::Offset;
using model::ProducerEpoch;
using model::ProducerId;
using test::Bytes;
using test::SimulatedHost;
using Files = std::map<std::string, Bytes>;

constexpr std::size_t edits_max = 32;
constexpr std::size_t file_bytes_max = 64 * 1024;
const std::string data_dir = "/data";
const std::string folder = "/data/t-0";

enum Flag : std::uint8_t {
  clean_marker = 1,  ///< the broker was stopped in order, as far as one can see
  good_crcs = 2,     ///< the CRCs are made good again after the edits
  ends_by_kill = 4,  ///< the process is killed instead of closing the log
};

class Input {
 public:
  explicit Input(ByteView bytes) : rest_(bytes) {}
  [[nodiscard]] bool is_empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_ = rest_.subspan(1);
    return value;
  }
  std::size_t number() {
    const std::size_t high = byte();
    return high << 8 | byte();
  }
  Bytes bytes(std::size_t count) {
    const ByteView taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return {taken.begin(), taken.end()};
  }

 private:
  ByteView rest_;
};

std::shared_ptr<config::TopicConfig> fuzz_config() {
  auto config = test::small_config();
  config->segment_bytes = 1000;
  config->index_interval_bytes = 150;
  return config;
}

Bytes produced(std::int64_t id, std::int32_t sequence, bool is_transactional) {
  model::BatchBuilder builder({.codec = model::Codec::lz4,
                               .producer_id = ProducerId(id),
                               .producer_epoch = ProducerEpoch(0),
                               .base_sequence = sequence,
                               .is_transactional = is_transactional});
  for (int i = 0; i < 2; ++i) {
    builder.add({.timestamp = model::TimestampMs(1000 + sequence),
                 .key = as_bytes("k"),
                 .value = as_bytes("value")});
  }
  return *builder.finish();
}

void append_well(SimulatedHost& host, Bytes batch, std::int32_t epoch) {
  const auto appended = host.append(std::move(batch), epoch);
  GREGOR_ASSERT(appended.has_value());
  host.log().set_high_watermark(host.log().log_end());
}

void end_transaction(SimulatedHost& host, std::int64_t id, bool is_commit) {
  const model::EndMarker marker{ProducerId(id), ProducerEpoch(0), 1, is_commit, {}};
  const auto appended = host.wait(host.log().append_end_marker(marker, LeaderEpoch(0)));
  GREGOR_ASSERT(appended.has_value());
}

/// Several segments, two epochs, producers, transactions that are committed, aborted and open.
void fill(SimulatedHost& host) {
  for (int i = 0; i < 3; ++i) {
    append_well(host, test::make_batch({.records = 2, .timestamp = 900 + 100 * i}), 0);
    append_well(host, produced(7, 2 * i, false), 0);
    append_well(host, produced(8, 2 * i, true), 0);
    append_well(host, produced(9, 2 * i, true), 0);
    end_transaction(host, 8, true);
    end_transaction(host, 9, false);
  }
  append_well(host, produced(10, 0, true), 0);
  const auto led = host.wait(host.log().become_leader(LeaderEpoch(2)));
  GREGOR_ASSERT(led.has_value());
  for (int i = 0; i < 3; ++i) append_well(host, test::make_batch({.timestamp = 2000 + i}), 2);
}

void collect(runtime::FileSystem& files, const std::string& directory, Files& out) {
  const auto entries = files.list(directory);
  GREGOR_ASSERT(entries.has_value());
  for (const auto& entry : *entries) {
    if (entry.is_directory) continue;
    const std::string path = join_path(directory, entry.name);
    out[path] = test::read_file(files, path);
  }
}

Files make_valid_dir() {
  SimulatedHost host;
  GREGOR_ASSERT(host.open(fuzz_config()).has_value());
  fill(host);
  GREGOR_ASSERT(host.log().segment_count() > 2);
  host.stop();
  Files files;
  collect(host.files(), data_dir, files);
  collect(host.files(), folder, files);
  files.erase(join_path(data_dir, names::lock));
  return files;
}

/// A name of some file that may be found in a partition's folder.
std::string some_name(std::uint8_t kind, std::uint8_t base) {
  static constexpr std::string_view suffixes[] = {
      ".log",      ".index",       ".timeindex",   ".txnindex",   ".snapshot",
      ".log.swap", ".log.cleaned", ".log.deleted", ".index.swap", ".snapshot.deleted"};
  constexpr std::size_t count = std::size(suffixes);
  // The upper half is far away.
  const std::int64_t offset = base < 128 ? base : INT64_MAX - (255 - base);
  return join_path(folder, segment_file_name(Offset(offset), suffixes[kind % count]));
}

void edit_bytes(Bytes& bytes, std::uint8_t operation, std::size_t position, Input& input) {
  position = std::min(position, bytes.size());
  const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(position);
  const std::size_t count = input.byte();
  if (operation == 0) {  // overwrite
    const Bytes with = input.bytes(std::min(count, bytes.size() - position));
    std::copy(with.begin(), with.end(), at);
  } else if (operation == 1) {  // cut
    bytes.erase(at, bytes.end());
  } else if (operation == 2) {  // put in
    const Bytes with = input.bytes(count);
    bytes.insert(at, with.begin(), with.end());
  } else if (operation == 3) {  // take out
    bytes.erase(at, at + static_cast<std::ptrdiff_t>(std::min(count, bytes.size() - position)));
  } else if (operation == 4) {  // replace
    bytes = input.bytes(count);
  } else {  // zeros behind
    bytes.resize(bytes.size() + count * 16);
  }
  if (bytes.size() > file_bytes_max) bytes.resize(file_bytes_max);
}

void edit(Files& files, Input& input) {
  if (files.empty()) return;
  const auto found =
      std::next(files.begin(), static_cast<std::ptrdiff_t>(input.byte() % files.size()));
  const std::uint8_t operation = input.byte() % 9;
  if (operation == 6) {
    files.erase(found);
  } else if (operation == 7) {  // copy to a new name
    const std::uint8_t kind = input.byte();
    files[some_name(kind, input.byte())] = Bytes(found->second);
  } else if (operation == 8) {  // copy over another
    const auto other =
        std::next(files.begin(), static_cast<std::ptrdiff_t>(input.byte() % files.size()));
    other->second = Bytes(found->second);
  } else {
    const std::size_t position = input.number();
    edit_bytes(found->second, operation, position, input);
  }
}

void make_crcs_good(Bytes& log) {
  using namespace model::batch_layout;
  for (std::size_t at = 0; at + header_bytes <= log.size();) {
    const auto length = load_be<std::int32_t>(log.data() + at + length_at);
    if (length < length_min) return;
    const std::size_t size = prefix_bytes + static_cast<std::size_t>(length);
    if (size > log.size() - at) return;
    const ByteView covered = ByteView(log).subspan(at + attributes_at, size - attributes_at);
    store_be(log.data() + at + crc_at, crc32c(covered));
    at += size;
  }
}

void make_crcs_good(Files& files) {
  constexpr std::size_t snapshot_crc_at = 2;
  constexpr std::size_t snapshot_body_at = 6;
  for (auto& [path, bytes] : files) {
    if (path.ends_with(names::log_suffix)) make_crcs_good(bytes);
    if (path.ends_with(names::snapshot_suffix) && bytes.size() >= snapshot_body_at) {
      store_be(bytes.data() + snapshot_crc_at, crc32c(ByteView(bytes).subspan(snapshot_body_at)));
    }
  }
}

void put(runtime::FileSystem& files, const Files& contents) {
  GREGOR_ASSERT(files.create_directory(data_dir).has_value());
  GREGOR_ASSERT(files.create_directory(folder).has_value());
  for (const auto& [path, bytes] : contents) {
    auto file = files.open(path, runtime::OpenMode::create_new);
    GREGOR_ASSERT(file.has_value());
    if (!bytes.empty()) GREGOR_ASSERT((*file)->write_at(0, bytes).has_value());
  }
}

/// Reads on until the end or an error. @return where it stopped
Offset read_on(SimulatedHost& host, Offset from) {
  const Offset end = host.log().log_end();
  while (from < end) {
    const auto read = host.wait(host.log().read({from, end, 1 << 20, true}));
    if (!read || read->slices.empty()) break;
    Bytes bytes;
    for (const LogSlice& slice : read->slices) {
      Bytes part(slice.size);
      const auto got = slice.file->read_at(slice.position, part);
      GREGOR_ASSERT(got.has_value() && *got == part.size());
      test::append_to(bytes, part);
    }
    GREGOR_ASSERT(bytes.size() == read->size);
    const Offset before = from;
    model::BatchCursor cursor(bytes);
    for (auto batch = cursor.next();; batch = cursor.next()) {
      GREGOR_ASSERT(batch.has_value());
      if (!*batch) break;
      GREGOR_ASSERT((*batch)->crc_is_valid());
      from = (*batch)->next_offset();
    }
    GREGOR_ASSERT(cursor.rest().empty());
    GREGOR_ASSERT(before < from && from <= end);
  }
  return from;
}

void look_up(SimulatedHost& host) {
  PartitionLog& log = host.log();
  const Offset start = log.log_start();
  const Offset end = log.log_end();
  for (const std::int64_t time : {INT64_MIN, std::int64_t{0}, std::int64_t{1001}, INT64_MAX}) {
    const auto found = host.wait(log.offset_for_time(model::TimestampMs(time), end));
    if (!found || found->offset == Offset(-1)) continue;
    GREGOR_ASSERT(start <= found->offset && found->offset < end);
    GREGOR_ASSERT(found->timestamp.value() >= time);
  }
  const auto latest = host.wait(log.offset_of_max_timestamp(end));
  GREGOR_ASSERT(!latest || latest->offset < end);
  const auto aborted = host.wait(log.aborted_transactions({start, end}));
  if (aborted) GREGOR_ASSERT(aborted->empty() || start < end);
  for (const std::int32_t epoch : {-1, 0, 1, 2, INT32_MAX}) {
    GREGOR_ASSERT(log.end_of_epoch(LeaderEpoch(epoch)).end <= end);
  }
  GREGOR_ASSERT(log.epoch_at(start) <= log.latest_epoch());
  for (const auto& known : log.producers()) {
    GREGOR_ASSERT(known.transaction_start < end);
  }
  GREGOR_ASSERT(log.last_stable_offset() <= log.high_watermark());
}

/// Reads, looks up, appends.
void use(SimulatedHost& host) {
  PartitionLog& log = host.log();
  GREGOR_ASSERT(log.log_start() <= log.log_end());
  for (const std::int64_t skip : {0, 3, 10, 20}) {
    const Offset from(log.log_start().value() + skip);
    if (from < log.log_end()) read_on(host, from);
  }
  look_up(host);
  const Offset end = log.log_end();
  const std::int32_t epoch = std::max(0, log.latest_epoch().value());
  const auto appended = host.append(test::make_batch({.records = 2, .timestamp = 3000}), epoch);
  if (!appended) return;
  GREGOR_ASSERT(appended->offsets.first == end && log.log_end().value() == end.value() + 2);
  GREGOR_ASSERT(read_on(host, end) == log.log_end());
  log.set_high_watermark(log.log_end());
}

/// @return true if it is now on disk as after a clean stop
bool close(SimulatedHost& host) {
  if (!host.wait(host.log().close())) return false;
  GREGOR_ASSERT(host.write_checkpoints().has_value());
  GREGOR_ASSERT(host.dirs().write_clean_shutdown_marker(0, 1).has_value());
  return true;
}

void run(Input input) {
  static const Files valid = make_valid_dir();
  const std::uint8_t flags = input.byte();
  Files files = valid;
  for (std::size_t i = 0; i < edits_max && !input.is_empty(); ++i) edit(files, input);
  if ((flags & good_crcs) != 0) make_crcs_good(files);
  if ((flags & clean_marker) == 0) files.erase(join_path(data_dir, names::clean_shutdown));
  SimulatedHost host;
  put(host.files(), files);
  if (!host.open(fuzz_config())) return;
  use(host);
  const Offset end = host.log().log_end();
  const bool is_clean = (flags & ends_by_kill) == 0 && close(host);
  host.restart();
  const auto again = host.open(fuzz_config());
  GREGOR_ASSERT(again.has_value() || !is_clean);
  if (!again) return;
  if (is_clean) GREGOR_ASSERT(host.log().log_end() == end);
  use(host);
}

}  // namespace
}  // namespace gregor::storage

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  gregor::log::set_level(gregor::log::Level::off);
  gregor::storage::run(
      gregor::storage::Input(gregor::ByteView(reinterpret_cast<const std::byte*>(data), size)));
  return 0;
}
