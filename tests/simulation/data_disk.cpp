#include "tests/simulation/data_disk.hpp"

#include <algorithm>
#include <utility>

namespace clusteragent::simulation {

const Entry* Tree::find(std::uint64_t file) const {
  const auto at = std::find_if(entries.begin(), entries.end(), [file](const Entry& one) { return one.file == file; });
  return file == 0 || at == entries.end() ? nullptr : &*at;
}

Entry* Tree::find(std::uint64_t file) {
  return const_cast<Entry*>(std::as_const(*this).find(file));
}

void Tree::apply(const Change& change) {
  switch (change.kind) {
    case Change::Kind::write:
      if (Entry* entry = find(change.file)) entry->blocks[change.block] = change.id;
      break;
    case Change::Kind::create:
      entries[change.name] = {change.id, change.file, {}};
      break;
    case Change::Kind::rename: {
      Entry& from = entries[change.name];
      entries[change.target] = {change.id, from.file, from.blocks};
      from.file = 0;
      from.blocks = {};
      break;
    }
  }
}

void DataDisk::apply(const Change& change) {
  memory_.apply(change);
  if (change.kind != Change::Kind::write) unsynced_names_.push_back(change);
}

void DataDisk::make_equal(const Tree& wanted) {
  for (std::size_t name = 0; name < file_names; name++) {
    Entry& here = memory_.entries[name];
    const Entry& there = wanted.entries[name];
    if (here.file == 0 || there.file == 0) here.blocks = {};
    here.file = there.file;
    here.changed_by = there.changed_by;
  }
  // Nobody relies on what a power failure leaves of an unfinished copy.
  unsynced_names_.clear();
  disk_ = memory_;
}

void DataDisk::sync_names() {
  for (const Change& change : std::exchange(unsynced_names_, {})) disk_.apply(change);
}

void DataDisk::sync_file(std::uint64_t file) {
  sync_names();
  const Entry* from = memory_.find(file);
  Entry* to = disk_.find(file);
  if (from != nullptr && to != nullptr) to->blocks = from->blocks;
}

void DataDisk::sync_all() {
  unsynced_names_.clear();
  disk_ = memory_;
}

void DataDisk::lose_power(Prng& prng) {
  const std::uint64_t kept = prng.below(unsynced_names_.size() + 1);
  for (std::uint64_t at = 0; at < kept; at++) disk_.apply(unsynced_names_[at]);
  unsynced_names_.clear();
  for (Entry& entry : disk_.entries) {
    const Entry* from = memory_.find(entry.file);
    if (from == nullptr) continue;
    for (std::size_t block = 0; block < file_blocks; block++) {
      if (prng.chance(chance_always / 2)) entry.blocks[block] = from->blocks[block];
    }
  }
  memory_ = disk_;
}

void History::record(const Change& change, const Tree& before) {
  const auto take_name = [&](std::size_t name) {
    const Entry& was = before.entries[name];
    replaced_[change.id] = was.changed_by;
    if (was.file != 0) removed_by_[was.file] = change.id;
  };
  switch (change.kind) {
    case Change::Kind::write:
      if (const Entry* entry = before.find(change.file)) replaced_[change.id] = entry->blocks[change.block];
      break;
    case Change::Kind::create:
      take_name(change.name);
      break;
    case Change::Kind::rename:
      take_name(change.target);
      break;
  }
}

bool History::is_at_least(std::uint64_t id, std::uint64_t wanted) const {
  while (id > wanted) id = replaced_[id];
  return id == wanted;
}

bool History::was_replaced(const Tree& tree, std::uint64_t file) const {
  const std::uint64_t by = removed_by_[file];
  if (by == 0) return false;
  return std::any_of(tree.entries.begin(), tree.entries.end(),
                     [&](const Entry& entry) { return is_at_least(entry.changed_by, by); });
}

bool History::has_contents(const Tree& tree, std::uint64_t file, const Blocks& promised) const {
  const Entry* entry = tree.find(file);
  if (entry == nullptr) return was_replaced(tree, file);
  for (std::size_t block = 0; block < file_blocks; block++) {
    if (!is_at_least(entry->blocks[block], promised[block])) return false;
  }
  return true;
}

}  // namespace clusteragent::simulation
