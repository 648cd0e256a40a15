#include "agent/data/filesync/stream/copier.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "agent/data/filesync/stream/block_hash.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::filesync {
namespace {

// Enough questions under way to keep both disks and the network busy, few enough to bound what is kept.
constexpr std::size_t questions_max = 32;
constexpr std::chrono::seconds times_interval{1};

std::string failure(const std::string& what, int code) {
  return fmt::format("{}: {}", what, std::strerror(code));
}

}  // namespace

std::string Copier::run(const std::function<bool()>& begin) {
  {
    const auto alone = leader_.gate.alone();
    if (!begin()) return "this node may not copy now";
    if (std::string problem = send_tree(); !problem.empty()) return problem;
  }
  for (const Item& item : items_) {
    if (std::string problem = S_ISREG(item.mode) ? compare(item) : std::string{}; !problem.empty()) return problem;
  }
  if (!settle(0)) return {};
  // Folders last: what was made in them has changed their times.
  for (auto item = items_.rbegin(); item != items_.rend(); ++item) send_times(*item);
  leader_.end_copy();
  std::unique_lock lock{mutex_};
  while (!changed_.wait_for(lock, times_interval, [this] { return is_abandoned_; })) {
    lock.unlock();
    leader_.tell_times();
    lock.lock();
  }
  return {};
}

std::string Copier::send_tree() {
  leader_.record({.op = Op::manifest_begin}, {});
  for (std::size_t at = 0; at < leader_.directories_.size(); ++at) {
    if (std::string problem = send_volume(static_cast<VolumeNumber>(at)); !problem.empty()) return problem;
  }
  leader_.record({.op = Op::manifest_end}, {});
  std::uint64_t bytes = 0;
  for (const Item& item : items_) bytes += S_ISREG(item.mode) ? item.size : 0;
  const std::lock_guard lock{leader_.mutex_};
  leader_.progress_.bytes_all = bytes;
  return {};
}

std::string Copier::send_volume(VolumeNumber number) {
  const int root = leader_.directories_[number].root;
  struct stat of {};
  if (::fstat(root, &of) != 0) return failure("cannot read the directory", errno);
  volume_ = number;
  device_ = of.st_dev;
  root_inode_ = of.st_ino;
  return send_entry(FileId{}, root, "");
}

std::string Copier::send_entry(FileId folder, int node, const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  struct stat of {};
  if (const int error = backing::stat_of(node, of); error != 0) return failure("cannot read " + path, error);
  if (of.st_dev != device_) {
    return fmt::format(
        "another file system is mounted on \"{}\" inside the replicated directory: it cannot be "
        "mirrored; unmount it",
        path);
  }
  if (leader_.directories_[volume_].exclusion->excludes(path, S_ISDIR(of.st_mode))) return {};
  ManifestEntry entry;
  entry.folder = folder;
  if (of.st_ino > inode_max) return path + " has an inode number of more than 56 bits and cannot be mirrored";
  entry.file = of.st_ino == root_inode_ ? root_of(volume_) : file_of(volume_, of.st_ino);
  entry.made = {name, of.st_mode, of.st_uid, of.st_gid, of.st_rdev, ""};
  entry.size = static_cast<std::uint64_t>(of.st_size);
  if (S_ISLNK(of.st_mode)) backing::read_link(node, entry.made.target);
  if (S_ISREG(of.st_mode) || S_ISDIR(of.st_mode)) backing::all_xattrs(node, entry.xattrs);
  const Packer packed = pack(entry);
  if (packed.bytes().size() > payload_bytes_max) return "the extended attributes of " + path + " are too large";
  leader_.record({.op = Op::manifest_entry}, packed.bytes());
  if (!places_.emplace(entry.file, items_.size()).second) return {};  // another name of a file that was sent
  const auto handle = handle_of(node);
  if (!handle) return failure("the file system of the directory has no file handles and cannot be mirrored", errno);
  items_.push_back({entry.file, *handle, of.st_mode, entry.size});
  return S_ISDIR(of.st_mode) ? send_folder(entry.file, node, path) : std::string{};
}

std::string Copier::send_folder(FileId folder, int node, const std::string& path) {
  std::vector<std::string> names;
  if (const int error = backing::names_in(node, names); error != 0) return failure("cannot read a folder", error);
  for (const std::string& name : names) {
    const std::string inside = path.empty() ? name : path + "/" + name;
    const platform::Fd inner = backing::open_node(node, name);
    if (!inner) return failure("cannot open " + inside, errno);
    if (std::string problem = send_entry(folder, inner.number(), inside); !problem.empty()) return problem;
  }
  return {};
}

std::string Copier::compare(const Item& item) {
  const platform::Fd file = open_handle(root_of_file(item.file), item.handle, O_RDONLY);
  if (!file) return errno == ESTALE ? std::string{} : failure("cannot open a file to compare it", errno);
  for (std::uint64_t offset = 0;;) {
    std::uint64_t next = 0;
    {
      const auto shared = leader_.gate.shared();
      const std::lock_guard lock{leader_.locks.of(item.file)};
      next = compare_from(item, file.number(), offset);
    }
    if (next == offset) break;
    offset = next;
    if (!settle(questions_max)) return {};
  }
  const std::lock_guard lock{leader_.mutex_};
  leader_.progress_.bytes_done += item.size;
  return {};
}

std::uint64_t Copier::compare_from(const Item& item, int file, std::uint64_t offset) {
  struct stat of {};
  if (::fstat(file, &of) != 0 || of.st_nlink == 0 || offset >= static_cast<std::uint64_t>(of.st_size)) return offset;
  const auto size = static_cast<std::uint64_t>(of.st_size);
  const off_t data = ::lseek(file, static_cast<off_t>(offset), SEEK_DATA);
  const std::uint64_t begin = data < 0 ? size : static_cast<std::uint64_t>(data);
  if (begin > offset) {
    send_emptiness(item.file, file, offset, begin);
    return begin;
  }
  const off_t hole = ::lseek(file, static_cast<off_t>(offset), SEEK_HOLE);
  const std::uint64_t end = hole < 0 ? size : static_cast<std::uint64_t>(hole);
  buffer_.resize(chunk_bytes);
  std::size_t got = 0;
  backing::read_at(file, buffer_.data(), std::min<std::uint64_t>(chunk_bytes, end - offset), offset, got);
  if (got == 0) return offset;
  std::vector<BlockHash> hashes;
  for (std::size_t at = 0; at < got; at += block_bytes)
    hashes.push_back(hash_of(std::span{buffer_}.subspan(at, std::min(block_bytes, got - at))));
  {
    const std::lock_guard lock{mutex_};
    asked_++;
  }
  leader_.record({.op = Op::hashes, .file = item.file, .offset = offset, .extra = got},
                 std::as_bytes(std::span{hashes}));
  return offset + got;
}

void Copier::send_emptiness(FileId file, int contents, std::uint64_t begin, std::uint64_t end) {
  const auto send = [&](int mode, std::uint64_t from, std::uint64_t to) {
    leader_.record({.op = Op::allocate,
                    .flags = static_cast<std::uint16_t>(mode | FALLOC_FL_KEEP_SIZE),
                    .file = file,
                    .offset = from,
                    .extra = to - from},
                   {});
  };
  // Reserved and never written reads like a hole, but the application counts on the room.
  for (const backing::Range& reserved : backing::reserved_ranges(contents, begin, end)) {
    if (reserved.begin > begin) send(FALLOC_FL_PUNCH_HOLE, begin, reserved.begin);
    send(FALLOC_FL_ZERO_RANGE, reserved.begin, reserved.end);
    begin = reserved.end;
  }
  if (end > begin) send(FALLOC_FL_PUNCH_HOLE, begin, end);
}

void Copier::answered(const Head& head, std::span<const std::byte> payload) {
  Answer answer{head.file, head.offset, head.extra, {}};
  Unpacker from{payload};
  while (!from.is_empty()) answer.blocks.push_back(from.number<std::uint32_t>());
  {
    const std::lock_guard lock{mutex_};
    answers_.push_back(std::move(answer));
  }
  changed_.notify_all();
}

void Copier::abandon() {
  {
    const std::lock_guard lock{mutex_};
    is_abandoned_ = true;
  }
  changed_.notify_all();
}

bool Copier::settle(std::size_t open_max) {
  std::unique_lock lock{mutex_};
  while (!is_abandoned_ && (asked_ > open_max || !answers_.empty())) {
    changed_.wait(lock, [this] { return is_abandoned_ || !answers_.empty(); });
    if (is_abandoned_) break;
    const Answer answer = std::move(answers_.front());
    answers_.pop_front();
    asked_ -= asked_ > 0 ? 1 : 0;
    lock.unlock();
    send_blocks(answer);
    lock.lock();
  }
  return !is_abandoned_;
}

void Copier::send_blocks(const Answer& answer) {
  const auto place = places_.find(answer.file);
  if (answer.blocks.empty() || place == places_.end()) return;
  const platform::Fd file = open_handle(root_of_file(answer.file), items_[place->second].handle, O_RDONLY);
  if (!file) return;
  for (const std::uint32_t block : answer.blocks) {
    const std::uint64_t from = std::uint64_t{block} * block_bytes;
    if (from >= answer.bytes || !pace(block_bytes)) return;
    const std::uint64_t offset = answer.offset + from;
    const auto shared = leader_.gate.shared();
    const std::lock_guard lock{leader_.locks.of(answer.file)};
    struct stat of {};
    if (::fstat(file.number(), &of) != 0 || of.st_nlink == 0) return;
    std::size_t got = 0;
    buffer_.resize(chunk_bytes);
    backing::read_at(file.number(), buffer_.data(), std::min<std::uint64_t>(block_bytes, answer.bytes - from), offset,
                     got);
    if (got == 0) return;
    leader_.record({.op = Op::write, .file = answer.file, .offset = offset}, std::span{buffer_}.first(got));
    const std::lock_guard progress{leader_.mutex_};
    leader_.progress_.bytes_sent += got;
  }
}

bool Copier::pace(std::size_t bytes) {
  const Duration pause = limit_.charge(bytes, platform::boottime_now());
  std::unique_lock lock{mutex_};
  return !changed_.wait_for(lock, pause, [this] { return is_abandoned_; });
}

void Copier::send_times(const Item& item) {
  const platform::Fd node = open_handle(root_of_file(item.file), item.handle, O_PATH | O_NOFOLLOW);
  struct stat of {};
  const auto shared = leader_.gate.shared();
  const std::lock_guard lock{leader_.locks.of(item.file)};
  if (!node || backing::stat_of(node.number(), of) != 0 || of.st_nlink == 0) return;
  AttributeChange change;
  change.times = Times{of.st_atim, of.st_mtim};
  const Packer packed = pack(change);
  leader_.record({.op = Op::attributes, .file = item.file}, packed.bytes());
}

}  // namespace clusteragent::filesync
