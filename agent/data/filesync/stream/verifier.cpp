#include "agent/data/filesync/stream/verifier.hpp"

#include <errno.h>
#include <linux/ioprio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "agent/data/filesync/store/backing.hpp"
#include "agent/data/filesync/stream/leader.hpp"
#include "agent/data/filesync/stream/survey.hpp"
#include "agent/data/filesync/stream/verify_bounds.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::filesync {
namespace {

// Enough to hide the way to the other node and back; each of them stands before the application's own operations there.
constexpr std::size_t questions_max = 2;
// A folder's names go in pieces far below payload_bytes_max.
constexpr std::size_t names_bytes_max = 512 * 1024;
constexpr std::uint16_t more_follows = 1;

std::int64_t wall_clock_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void read_at_the_lowest_priority() {
  // Best effort and not idle: that class may wait for ever on a busy disk.
  ::syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 7));
}

}  // namespace

Verifier::Verifier(Leader& leader, std::vector<Directory> directories, std::vector<std::string> prefixes, bool repairs,
                   Ended ended)
    : leader_{leader},
      directories_{std::move(directories)},
      prefixes_{std::move(prefixes)},
      repairs_{repairs},
      ended_{std::move(ended)} {
  report_.repairs = repairs;
  report_.started_ms = wall_clock_ms();
  began_ = platform::boottime_now();
}

Verifier::~Verifier() {
  end("it is not wanted any more");
}

void Verifier::start() {
  is_running_ = true;
  thread_ = std::thread{[this] { run(); }};
}

void Verifier::end(const std::string& reason) {
  {
    const std::lock_guard lock{mutex_};
    if (!is_over_) reason_ = reason;
    is_over_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

VerifyReport Verifier::report() const {
  const std::lock_guard lock{mutex_};
  VerifyReport report = report_;
  if (report.state == VerifyState::running) report.lasted_ms = to_milliseconds(platform::boottime_now() - began_);
  return report;
}

void Verifier::run() {
  read_at_the_lowest_priority();
  compare_all();
  const bool is_whole = settle(0);
  VerifyReport report;
  {
    const std::lock_guard lock{mutex_};
    report_.lasted_ms = to_milliseconds(platform::boottime_now() - began_);
    report_.state = is_whole ? VerifyState::done : VerifyState::ended;
    if (!is_whole) report_.reason = reason_;
    is_over_ = true;
    report = report_;
  }
  ended_(report);
  is_running_ = false;
}

void Verifier::compare_all() {
  for (const Directory& each : directories_) sum_up(each.root);
  for (std::size_t at = 0; at < directories_.size(); ++at) {
    if (!compare_directory(static_cast<VolumeNumber>(at))) return;
  }
}

void Verifier::sum_up(int folder) {
  std::vector<std::string> names;
  backing::names_in(folder, names);
  std::uint64_t bytes = 0;
  for (const std::string& name : names) {
    struct stat of {};
    if (::fstatat(folder, name.c_str(), &of, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISREG(of.st_mode)) bytes += static_cast<std::uint64_t>(of.st_size);
    if (!S_ISDIR(of.st_mode)) continue;
    const platform::Fd inner = backing::open_node(folder, name);
    if (inner && !is_over()) sum_up(inner.number());
  }
  const std::lock_guard lock{mutex_};
  report_.bytes_all += bytes;
}

bool Verifier::is_over() {
  const std::lock_guard lock{mutex_};
  return is_over_;
}

bool Verifier::compare_directory(VolumeNumber number) {
  const int root = directories_[number].root;
  struct stat of {};
  const auto handle = handle_of(root);
  if (::fstat(root, &of) != 0 || !handle) {
    const std::lock_guard lock{mutex_};
    is_over_ = true;
    reason_ = "the directory cannot be read";
    return false;
  }
  volume_ = number;
  root_inode_ = of.st_ino;
  device_ = of.st_dev;
  folders_.push_back(std::make_shared<Item>(Item{root_of(number), *handle, of.st_mode, "", ""}));
  while (!folders_.empty()) {
    if (!settle(questions_max)) return false;
    const ItemRef folder = folders_.back();
    folders_.pop_back();
    compare_folder(folder);
  }
  // A repair of a name needs to know which directory it is in.
  return settle(0);
}

void Verifier::compare_folder(const ItemRef& folder) {
  const platform::Fd node = open_handle(root(), folder->handle, O_RDONLY | O_DIRECTORY);
  VerifiedNames names;
  if (!node || !ask_entry(folder) || !compare_names(folder, node.number(), names)) return;
  for (const VerifiedName& each : names) {
    // Told already: the replica has another file there, or none.
    if (!repairs_ && faulty_.contains(each.name)) continue;
    const ItemRef item = item_of(node.number(), *folder, each.name);
    if (!item) continue;
    if (S_ISDIR(item->mode))
      folders_.push_back(item);
    else
      compare_file(item);
    if (!settle(questions_max)) return;
  }
}

bool Verifier::compare_names(const ItemRef& folder, int node, VerifiedNames& names) {
  {
    // Names change alone only: whoever shares the gate sees them stand still.
    const auto shared = leader_.gate.shared();
    struct stat of {};
    std::map<std::string, ino_t> here;
    if (::fstat(node, &of) != 0 || of.st_nlink == 0 || backing::inodes_in(node, here) != 0) return false;
    VerifiedNames piece;
    std::size_t bytes = 0;
    for (const auto& [name, inode] : here) {
      if (is_excluded(node, *folder, name)) continue;
      piece.push_back({name, id_of(inode)});
      names.push_back(piece.back());
      bytes += name.size() + sizeof(std::uint64_t) + sizeof(std::uint32_t);
      if (bytes < names_bytes_max) continue;
      leader_.append({.op = Op::verify_names, .flags = more_follows, .file = folder->file}, pack(piece).bytes(), false);
      piece.clear();
      bytes = 0;
    }
    ask({Op::verify_names, folder}, {.op = Op::verify_names, .file = folder->file}, pack(piece).bytes());
  }
  // What is asked next is about the files that have these names.
  faulty_.clear();
  return settle(0);
}

bool Verifier::is_excluded(int folder, const Item& parent, const std::string& name) const {
  const Exclusion& exclusion = *directories_[volume_].exclusion;
  struct stat of {};
  return !exclusion.is_empty() && ::fstatat(folder, name.c_str(), &of, AT_SYMLINK_NOFOLLOW) == 0 &&
         exclusion.excludes(parent.path.empty() ? name : parent.path + "/" + name, S_ISDIR(of.st_mode));
}

Verifier::ItemRef Verifier::item_of(int folder, const Item& parent, const std::string& name) const {
  const platform::Fd node = backing::open_node(folder, name);
  struct stat of {};
  if (!node || backing::stat_of(node.number(), of) != 0 || of.st_dev != device_) return nullptr;
  const auto handle = handle_of(node.number());
  if (!handle) return nullptr;
  const std::string path = parent.path.empty() ? name : parent.path + "/" + name;
  return std::make_shared<Item>(Item{id_of(of.st_ino), *handle, of.st_mode, path, name});
}

bool Verifier::ask_entry(const ItemRef& item) {
  const platform::Fd node = open_handle(root(), item->handle, O_PATH | O_NOFOLLOW);
  if (!node) return false;
  const auto shared = leader_.gate.shared();
  const std::lock_guard lock{leader_.locks.of(item->file)};
  struct stat of {};
  if (backing::stat_of(node.number(), of) != 0 || of.st_nlink == 0) return false;
  const Packer packed = pack(entry_of(node.number(), item->file, item->name, of));
  ask({Op::verify_entry, item}, {.op = Op::verify_entry, .file = item->file, .extra = of.st_nlink}, packed.bytes());
  return true;
}

void Verifier::compare_file(const ItemRef& item) {
  {
    const std::lock_guard lock{mutex_};
    report_.files++;
  }
  if (!seen_.insert(item->file).second) return;
  if (ask_entry(item) && S_ISREG(item->mode)) compare_contents(item);
}

void Verifier::compare_contents(const ItemRef& item) {
  const platform::Fd file = open_handle(root(), item->handle, O_RDONLY);
  struct stat of {};
  if (!file || ::fstat(file.number(), &of) != 0) return;
  // What is appended meanwhile was never on the disk without the replica's having it: a file that grows has an end.
  const auto end = static_cast<std::uint64_t>(of.st_size);
  for (std::uint64_t offset = 0; offset < end;) {
    // Once without the lock, so that nobody waits for this slow reading of the disk.
    std::size_t ignored = 0;
    buffer_.resize(verify_chunk_bytes);
    backing::read_at(file.number(), buffer_.data(), std::min<std::uint64_t>(verify_chunk_bytes, end - offset), offset,
                     ignored);
    std::uint64_t next = 0;
    {
      const auto shared = leader_.gate.shared();
      const std::lock_guard lock{leader_.locks.of(item->file)};
      next = ask_contents(item, file.number(), offset, end);
    }
    if (next == offset || !settle(questions_max)) return;
    offset = next;
  }
}

std::uint64_t Verifier::ask_contents(const ItemRef& item, int file, std::uint64_t offset, std::uint64_t end) {
  struct stat of {};
  if (::fstat(file, &of) != 0 || of.st_nlink == 0) return offset;
  end = std::min(end, static_cast<std::uint64_t>(of.st_size));
  if (offset >= end) return offset;
  const off_t data = ::lseek(file, static_cast<off_t>(offset), SEEK_DATA);
  const std::uint64_t begin = data < 0 ? end : std::min(end, static_cast<std::uint64_t>(data));
  if (begin > offset) {
    const std::uint64_t bytes = std::min(begin - offset, verify_zeros_bytes_max);
    ask({Op::verify_data, item, bytes}, {.op = Op::verify_data, .file = item->file, .offset = offset, .extra = bytes},
        {});
    return offset + bytes;
  }
  buffer_.resize(verify_chunk_bytes);
  std::size_t got = 0;
  backing::read_at(file, buffer_.data(), std::min<std::uint64_t>(verify_chunk_bytes, end - offset), offset, got);
  if (got == 0) return offset;
  std::vector<BlockHash> hashes;
  for (std::size_t at = 0; at < got; at += block_bytes)
    hashes.push_back(hash_of(std::span{buffer_}.subspan(at, std::min(block_bytes, got - at))));
  ask({Op::verify_data, item, got}, {.op = Op::verify_data, .file = item->file, .offset = offset, .extra = got},
      std::as_bytes(std::span{hashes}));
  return offset + got;
}

void Verifier::ask(Question question, const Head& head, std::span<const std::byte> payload) {
  {
    const std::lock_guard lock{mutex_};
    open_.push_back(std::move(question));
  }
  leader_.append(head, payload, false);
}

void Verifier::answered(const Head& head, std::span<const std::byte> payload) {
  {
    const std::lock_guard lock{mutex_};
    answers_.push_back({head, {payload.begin(), payload.end()}});
  }
  changed_.notify_all();
}

bool Verifier::settle(std::size_t open_max) {
  std::unique_lock lock{mutex_};
  while (!is_over_ && (open_.size() > open_max || !answers_.empty())) {
    changed_.wait(lock, [this] { return is_over_ || !answers_.empty(); });
    if (is_over_) break;
    const Answer answer = std::move(answers_.front());
    answers_.pop_front();
    // The replica answers in the order of the stream.
    if (open_.empty() || open_.front().item->file != answer.head.file) {
      is_over_ = true;
      reason_ = "the other node's answers are not to what was asked";
      break;
    }
    const Question question = std::move(open_.front());
    open_.pop_front();
    report_.bytes += question.bytes;
    lock.unlock();
    take(question, answer);
    lock.lock();
  }
  return !is_over_;
}

void Verifier::take(const Question& question, const Answer& answer) {
  if (question.op == Op::verify_names) {
    const auto names = unpack_names_answer(answer.payload);
    if (names) take_names(question, *names);
    return;
  }
  Unpacker from{answer.payload};
  if (question.op == Op::verify_entry) {
    const auto faults = from.number<std::uint8_t>();
    if (faults == 0) return;
    differs({question.item->path, text_of_entry_faults(faults)});
    if (repairs_) repair_entry(*question.item);
    return;
  }
  while (!from.is_empty()) {
    const std::uint64_t at = std::uint64_t{from.number<std::uint32_t>()} * block_bytes;
    if (at >= question.bytes) return;
    const std::uint64_t bytes = std::min<std::uint64_t>(block_bytes, question.bytes - at);
    differs({question.item->path, "content", answer.head.offset + at, bytes});
    if (repairs_) repair_block(*question.item, answer.head.offset + at, bytes);
  }
}

void Verifier::take_names(const Question& question, const NamesAnswer& answer) {
  const Item& folder = *question.item;
  for (const FaultyName& each : answer.first) {
    const std::string path = folder.path.empty() ? each.name : folder.path + "/" + each.name;
    differs({path, each.fault == NameFault::missing      ? "missing on the other node"
                   : each.fault == NameFault::other_file ? "another file on the other node"
                                                         : "on the other node only"});
    if (each.fault != NameFault::extra) faulty_.insert(each.name);
    if (repairs_) repair_name(folder, each);
  }
  const std::lock_guard lock{mutex_};
  report_.differences += answer.count - answer.first.size();
}

void Verifier::differs(Difference found) {
  found.path.insert(0, prefixes_[volume_]);
  const std::lock_guard lock{mutex_};
  add_difference(report_, found);
}

}  // namespace clusteragent::filesync
