#include "agent/data/filesync/store/journal.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "agent/data/filesync/store/backing.hpp"
#include "agent/data/filesync/wire/packer.hpp"

namespace clusteragent::filesync {
namespace {

using Record = std::array<std::uint64_t, 4>;

constexpr std::size_t head_records = 2;
constexpr std::uint64_t magic = 0x31'4c'4e'52'4a'52'41'43;  // "CARJRNL1"
constexpr std::uint64_t keeps = ~std::uint64_t{0};
// 16 GiB that may differ are compared in the time in which a crashed machine starts.
constexpr std::size_t crowd = 4096;
// A file of 1 MiB, written whole at first: an entry is then one block in place, with no change to the file system.
constexpr std::size_t room_min = 32 * 1024;
// 16 MiB; more than that may differ, and it is as well to compare everything.
constexpr std::size_t room_max = 512 * 1024;

Record seal(std::uint64_t first, std::uint64_t second, std::uint64_t third, const HistoryId& history) {
  Record record{first, second, third, 0};
  record[3] = XXH3_64bits_withSeed(record.data(), 3 * sizeof(std::uint64_t), history.low);
  return record;
}

Record record_of(const Entry& entry, const HistoryId& history) {
  return seal(static_cast<std::uint64_t>(entry.kind), entry.file.value(), entry.number, history);
}

bool is_sealed(const Record& record, const HistoryId& history) {
  return record == seal(record[0], record[1], record[2], history);
}

std::string path_in(const std::string& folder) {
  return folder + "/journal";
}

int sync_folder(const std::string& path) {
  const platform::Fd folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  return folder && ::fsync(folder.number()) == 0 ? 0 : errno;
}

std::vector<Record> records_in(const std::string& path) {
  const platform::Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat of {};
  if (!file || ::fstat(file.number(), &of) != 0) return {};
  std::vector<Record> records(
      std::min<std::size_t>(static_cast<std::size_t>(of.st_size) / sizeof(Record), room_max + head_records));
  std::size_t got = 0;
  const std::span bytes = std::as_writable_bytes(std::span{records});
  if (backing::read_at(file.number(), bytes.data(), bytes.size(), 0, got) != 0) return {};
  records.resize(got / sizeof(Record));
  return records;
}

}  // namespace

Journal::Journal(std::string folder, HistoryId history, OnFailure on_failure)
    : folder_{std::move(folder)}, history_{history}, on_failure_{std::move(on_failure)} {}

std::optional<std::vector<Entry>> Journal::read(const std::string& folder, const HistoryId& history) {
  const std::vector<Record> records = records_in(path_in(folder));
  if (records.size() < head_records || records[0] != seal(magic, history.high, history.low, history))
    return std::nullopt;
  // The whole of it was written before anything was relied upon.
  if (records[1] != seal(0, records.size() - head_records, 0, history)) return std::nullopt;
  std::vector<Entry> entries;
  std::size_t at = head_records;
  for (; at < records.size() && is_sealed(records[at], history); ++at) {
    const auto kind = static_cast<Entry::Kind>(records[at][0]);
    if (kind < Entry::Kind::extent || kind > Entry::Kind::everything) return std::nullopt;
    entries.push_back({kind, FileId{records[at][1]}, records[at][2]});
  }
  // What was relied upon came before what was not: an entry after a gap means that one in between is lost.
  const auto is_entry = [&history](const Record& record) { return is_sealed(record, history); };
  if (std::any_of(records.begin() + static_cast<std::ptrdiff_t>(at), records.end(), is_entry)) return std::nullopt;
  return entries;
}

Status Journal::begin(const std::vector<Entry>& known) {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return !is_flushing_; });
  places_.clear();
  made_.clear();
  pending_.clear();
  for (const Entry& entry : known) places_.emplace(entry, Place{generation_, durable_});
  if (const int error = rewrite(all(), std::max(room_min, 2 * known.size())); error != 0) {
    has_failed_ = true;
    return Error{ErrorCode::system, fmt::format("cannot write {}: {}", path_in(folder_), std::strerror(error))};
  }
  return success();
}

void Journal::announce(const Touched& touched) {
  add(entries_of(touched), false);
}

void Journal::made(FileId file) {
  const std::lock_guard lock{mutex_};
  if (made_.size() < room_max) made_.insert(file);
}

void Journal::keep(FileId file) {
  add({{Entry::Kind::file, file, 0}}, true);
}

void Journal::add(const std::vector<Entry>& entries, bool is_kept) {
  if (entries.empty()) return;
  std::unique_lock lock{mutex_};
  // One that is kept is never dropped, so it need not be added to.
  if (has_failed_ || places_.contains(Entry{})) return;
  std::uint64_t needed = 0;
  for (const Entry& entry : entries) {
    if (!is_kept && made_.contains(entry.file)) continue;
    const auto [at, is_new] = places_.try_emplace(entry, Place{generation_, batch_});
    if (is_new) pending_.push_back(entry);
    at->second.generation = is_kept ? keeps : std::max(at->second.generation, generation_);
    needed = std::max(needed, at->second.batch);
  }
  while (durable_ < needed && !has_failed_) {
    if (is_flushing_)
      changed_.wait(lock);
    else
      flush(lock);
  }
}

void Journal::flush(std::unique_lock<std::mutex>& lock) {
  is_flushing_ = true;
  const std::uint64_t batch = batch_++;
  int error = 0;
  if (used_ + pending_.size() <= room_) {
    const std::vector<Entry> taken = std::exchange(pending_, {});
    lock.unlock();
    error = write_batch(taken);
    lock.lock();
  } else {
    // Whoever announces meanwhile waits for the lock: the file holds all that it must when the next write comes.
    pending_.clear();
    if (places_.size() > room_max / 2) places_ = {{Entry{}, {keeps, batch}}};
    error = rewrite(all(), std::max(room_min, 2 * places_.size()));
  }
  is_flushing_ = false;
  durable_ = batch;
  if (error != 0) fail(error);
  changed_.notify_all();
}

int Journal::write_batch(const std::vector<Entry>& batch) {
  std::vector<Record> records;
  records.reserve(batch.size());
  for (const Entry& entry : batch) records.push_back(record_of(entry, history_));
  const std::span bytes = std::as_bytes(std::span{records});
  const std::uint64_t offset = (head_records + used_) * sizeof(Record);
  std::size_t written = 0;
  if (const int error = backing::write_at(file_.number(), bytes, offset, written); error != 0) return error;
  used_ += batch.size();
  return ::fdatasync(file_.number()) == 0 ? 0 : errno;
}

int Journal::rewrite(const std::vector<Entry>& entries, std::size_t room) {
  std::vector<Record> records(head_records + room);
  records[0] = seal(magic, history_.high, history_.low, history_);
  records[1] = seal(0, room, 0, history_);
  for (std::size_t at = 0; at < entries.size(); ++at) records[head_records + at] = record_of(entries[at], history_);
  const std::string draft = path_in(folder_) + ".new";
  ::mkdir(folder_.c_str(), 0750);
  platform::Fd file{::open(draft.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0640)};
  if (!file) return errno;
  const std::span bytes = std::as_bytes(std::span{records});
  std::size_t written = 0;
  if (const int error = backing::write_at(file.number(), bytes, 0, written); error != 0) return error;
  if (::fsync(file.number()) != 0 || ::rename(draft.c_str(), path_in(folder_).c_str()) != 0) return errno;
  file_ = std::move(file);
  room_ = room;
  used_ = entries.size();
  return sync_folder(folder_);
}

std::vector<Entry> Journal::all() const {
  std::vector<Entry> entries;
  entries.reserve(places_.size());
  for (const auto& [entry, place] : places_) entries.push_back(entry);
  return entries;
}

void Journal::fail(int error) {
  has_failed_ = true;
  // Before anybody who waits here goes on to his change.
  on_failure_(fmt::format("cannot write {}: {}", path_in(folder_), std::strerror(error)));
}

bool Journal::has(const Touched& touched) {
  const std::vector<Entry> entries = entries_of(touched);
  const std::lock_guard lock{mutex_};
  if (has_failed_ || places_.contains(Entry{})) return true;
  return std::all_of(entries.begin(), entries.end(), [this](const Entry& each) { return is_covered(each); });
}

bool Journal::is_crowded() {
  const std::lock_guard lock{mutex_};
  return places_.size() > crowd;
}

std::uint64_t Journal::next_generation() {
  const std::lock_guard lock{mutex_};
  made_.clear();
  return ++generation_;
}

void Journal::drop_before(std::uint64_t generation) {
  const std::lock_guard lock{mutex_};
  std::erase_if(places_,
                [&](const auto& each) { return each.second.generation < generation && each.second.batch <= durable_; });
}

bool Journal::has_failed() {
  const std::lock_guard lock{mutex_};
  return has_failed_;
}

}  // namespace clusteragent::filesync
