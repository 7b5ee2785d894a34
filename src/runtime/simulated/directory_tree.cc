#include "runtime/simulated/directory_tree.h"

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "base/assert.h"

namespace gregor::runtime::simulated {
namespace {

constexpr std::size_t name_bytes_max = 255;

/// Calls `visit` for every inode below `root`, in the order of names, by the entries that `names`
/// gives.
template <class Names, class Visit>
void walk(const InodePointer& root, Names names, Visit visit) {
  std::vector<InodePointer> open{root};
  while (!open.empty()) {
    const InodePointer directory = std::move(open.back());
    open.pop_back();
    for (const auto& [name, inode] : names(*directory)) {
      visit(*inode);
      if (inode->is_directory) open.push_back(inode);
    }
  }
}

const auto& cached_names(const Inode& directory) { return directory.entries; }
const auto& durable_names(const Inode& directory) { return directory.durable; }

}  // namespace

DirectoryTree::DirectoryTree() : root_(std::make_shared<Inode>()) {
  root_->number = 1;
  root_->is_directory = true;
}

std::optional<Place> DirectoryTree::find(std::string_view path, int& os_error) const {
  Place place{root_, "", root_};
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (name.empty() || name == ".") continue;
    os_error = 0;
    if (name == "..") os_error = EINVAL;
    if (name.size() > name_bytes_max) os_error = ENAMETOOLONG;
    if (!place.inode) os_error = ENOENT;
    if (place.inode && !place.inode->is_directory) os_error = ENOTDIR;
    if (os_error != 0) return std::nullopt;
    const InodePointer directory = place.inode;
    const auto found = directory->entries.find(std::string(name));
    place = {directory, std::string(name),
             found == directory->entries.end() ? nullptr : found->second};
  }
  return place;
}

InodePointer DirectoryTree::create(const Place& place, bool is_directory) {
  GREGOR_ASSERT(place.inode == nullptr && !place.name.empty());
  auto inode = std::make_shared<Inode>();
  inode->number = next_number_++;
  inode->is_directory = is_directory;
  record({{place.directory, place.name, inode}});
  return inode;
}

int DirectoryTree::rename(const Place& from, const Place& to) {
  if (!from.inode) return ENOENT;
  if (from.name.empty() || to.name.empty()) return EINVAL;
  if (from.inode == to.inode) return 0;
  if (from.inode->is_directory && holds(*from.inode, *to.directory)) return EINVAL;
  if (to.inode) {
    if (from.inode->is_directory && !to.inode->is_directory) return ENOTDIR;
    if (!from.inode->is_directory && to.inode->is_directory) return EISDIR;
    if (!to.inode->entries.empty()) return ENOTEMPTY;
  }
  record({{from.directory, from.name, nullptr}, {to.directory, to.name, from.inode}});
  return 0;
}

int DirectoryTree::remove(const Place& place) {
  GREGOR_ASSERT(place.inode != nullptr);
  if (place.name.empty()) return EBUSY;
  if (!place.inode->entries.empty()) return ENOTEMPTY;
  record({{place.directory, place.name, nullptr}});
  return 0;
}

bool DirectoryTree::holds(const Inode& ancestor, const Inode& inode) const {
  bool found = &ancestor == &inode;
  std::vector<const Inode*> open{&ancestor};
  while (!open.empty() && !found) {
    const Inode* directory = open.back();
    open.pop_back();
    for (const auto& [name, child] : directory->entries) {
      found = found || child.get() == &inode;
      if (child->is_directory) open.push_back(child.get());
    }
  }
  return found;
}

void DirectoryTree::record(std::vector<Change> changes) {
  for (const Change& change : changes) {
    if (change.inode) {
      change.directory->entries[change.name] = change.inode;
    } else {
      change.directory->entries.erase(change.name);
    }
  }
  journal_.push_back({std::move(changes)});
}

void DirectoryTree::sync(const Inode& directory) {
  for (Operation& operation : journal_) {
    operation.keep =
        std::any_of(operation.changes.begin(), operation.changes.end(),
                    [&](const Change& change) { return change.directory.get() == &directory; });
  }
  close_upwards();
  apply_kept();
}

void DirectoryTree::sync_all() {
  for (Operation& operation : journal_) operation.keep = true;
  apply_kept();
  walk(root_, cached_names, [](Inode& inode) { inode.contents.sync(); });
}

// Keeps, for each operation that is kept, all earlier ones on the directories that it changes.
void DirectoryTree::close_upwards() {
  std::set<std::uint64_t> directories;
  for (auto operation = journal_.rbegin(); operation != journal_.rend(); ++operation) {
    for (const Change& change : operation->changes) {
      operation->keep = operation->keep || directories.contains(change.directory->number);
    }
    if (!operation->keep) continue;
    for (const Change& change : operation->changes) directories.insert(change.directory->number);
  }
}

/// Moves the kept operations from the journal to the disk. @return how many.
std::uint64_t DirectoryTree::apply_kept() {
  std::uint64_t count = 0;
  for (const Operation& operation : journal_) {
    if (!operation.keep) continue;
    ++count;
    for (const Change& change : operation.changes) {
      if (change.inode) {
        change.directory->durable[change.name] = change.inode;
      } else {
        change.directory->durable.erase(change.name);
      }
    }
  }
  std::erase_if(journal_, [](const Operation& operation) { return operation.keep; });
  return count;
}

// For each directory none, all, or a random prefix of what is in the journal.
void DirectoryTree::draw_kept(Prng& prng) {
  std::map<std::uint64_t, std::uint64_t> left;
  for (const Operation& operation : journal_) {
    for (const Change& change : operation.changes) ++left[change.directory->number];
  }
  for (auto& [directory, count] : left) {
    const std::uint64_t choice = prng.below(4);
    if (choice == 0) count = 0;
    if (choice >= 2) count = prng.below(count + 1);
  }
  for (Operation& operation : journal_) {
    operation.keep = false;
    for (const Change& change : operation.changes) {
      std::uint64_t& budget = left[change.directory->number];
      if (budget == 0) continue;
      --budget;
      operation.keep = true;
    }
  }
  close_upwards();
}

void DirectoryTree::lose_power(Prng& prng, PowerLoss& report) {
  draw_kept(prng);
  report.entries_kept += apply_kept();
  report.entries_lost += journal_.size();
  journal_.clear();
  root_->entries = root_->durable;
  walk(root_, durable_names, [&](Inode& inode) {
    inode.entries = inode.durable;
    inode.contents.lose_power(prng, report);
  });
}

std::uint64_t DirectoryTree::bytes() const {
  std::uint64_t sum = 0;
  walk(root_, cached_names, [&](const Inode& inode) { sum += inode.contents.allocated(); });
  return sum;
}

}  // namespace gregor::runtime::simulated
