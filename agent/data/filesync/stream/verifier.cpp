#include "agent/data/filesync/stream/verifier.hpp"

#include <errno.h>
#include <linux/falloc.h>
#include <linux/ioprio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "agent/data/filesync/store/backing.hpp"
#include "agent/data/filesync/stream/leader.hpp"
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

ManifestEntry entry_of(int node, FileId file, const std::string& name, const struct stat& of) {
  ManifestEntry entry;
  entry.file = file;
  entry.made = {name, of.st_mode, of.st_uid, of.st_gid, of.st_rdev, ""};
  entry.size = static_cast<std::uint64_t>(of.st_size);
  if (S_ISLNK(of.st_mode)) backing::read_link(node, entry.made.target);
  if (S_ISREG(of.st_mode) || S_ISDIR(of.st_mode)) backing::all_xattrs(node, entry.xattrs);
  return entry;
}

}  // namespace

Verifier::Verifier(Leader& leader, int root, bool repairs, Ended ended)
    : leader_{leader}, root_{root}, repairs_{repairs}, ended_{std::move(ended)} {
  report_.repairs = repairs;
  report_.started_ms = wall_clock_ms();
  report_.bytes_all = leader.progress().bytes_all;
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
  struct stat of {};
  const auto handle = handle_of(root_);
  if (::fstat(root_, &of) != 0 || !handle) {
    const std::lock_guard lock{mutex_};
    is_over_ = true;
    reason_ = "the directory cannot be read";
    return;
  }
  root_inode_ = of.st_ino;
  device_ = of.st_dev;
  folders_.push_back(std::make_shared<Item>(Item{root_id, *handle, of.st_mode, "", ""}));
  while (!folders_.empty() && settle(questions_max)) {
    const ItemRef folder = folders_.back();
    folders_.pop_back();
    compare_folder(folder);
  }
}

void Verifier::compare_folder(const ItemRef& folder) {
  const platform::Fd node = open_handle(root_, folder->handle, O_RDONLY | O_DIRECTORY);
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
      piece.push_back({name, id_of(inode)});
      names.push_back(piece.back());
      bytes += name.size() + sizeof(std::uint64_t) + sizeof(std::uint32_t);
      if (bytes < names_bytes_max) continue;
      leader_.send({.op = Op::verify_names, .flags = more_follows, .file = folder->file}, pack(piece).bytes());
      piece.clear();
      bytes = 0;
    }
    ask({Op::verify_names, folder}, {.op = Op::verify_names, .file = folder->file}, pack(piece).bytes());
  }
  // What is asked next is about the files that have these names.
  faulty_.clear();
  return settle(0);
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
  const platform::Fd node = open_handle(root_, item->handle, O_PATH | O_NOFOLLOW);
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
  const platform::Fd file = open_handle(root_, item->handle, O_RDONLY);
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
  leader_.send(head, payload);
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

void Verifier::repair_name(const Item& folder, const FaultyName& faulty) {
  const platform::Fd node = open_handle(root_, folder.handle, O_RDONLY | O_DIRECTORY);
  if (!node) return;
  const auto shared = leader_.gate.shared();
  const platform::Fd file = backing::open_node(node.number(), faulty.name);
  if (faulty.fault == NameFault::extra) {
    // Made meanwhile: what is there is the stream's.
    if (file) return;
    leader_.send({.op = Op::repair_extra, .file = folder.file}, pack_name(faulty.name).bytes());
    return send_times(folder.file, node.number());
  }
  struct stat of {};
  if (!file || backing::stat_of(file.number(), of) != 0 || of.st_dev != device_) return;
  const FileId id = id_of(of.st_ino);
  const std::lock_guard lock{leader_.locks.of(id)};
  if (backing::stat_of(file.number(), of) != 0) return;
  leader_.send({.op = Op::repair_name, .file = folder.file},
               pack(entry_of(file.number(), id, faulty.name, of)).bytes());
  send_times(id, file.number());
  send_times(folder.file, node.number());
}

void Verifier::repair_entry(const Item& item) {
  const platform::Fd node = open_handle(root_, item.handle, O_PATH | O_NOFOLLOW);
  if (!node) return;
  const auto shared = leader_.gate.shared();
  const std::lock_guard lock{leader_.locks.of(item.file)};
  struct stat of {};
  if (backing::stat_of(node.number(), of) != 0 || of.st_nlink == 0) return;
  leader_.send({.op = Op::repair_entry, .file = item.file},
               pack(entry_of(node.number(), item.file, item.name, of)).bytes());
  send_times(item.file, node.number());
}

void Verifier::repair_block(const Item& item, std::uint64_t offset, std::uint64_t bytes) {
  const platform::Fd file = open_handle(root_, item.handle, O_RDONLY);
  if (!file) return;
  const auto shared = leader_.gate.shared();
  const std::lock_guard lock{leader_.locks.of(item.file)};
  struct stat of {};
  if (::fstat(file.number(), &of) != 0 || of.st_nlink == 0) return;
  std::size_t got = 0;
  buffer_.resize(verify_chunk_bytes);
  backing::read_at(file.number(), buffer_.data(), bytes, offset, got);
  // Cut off meanwhile, and so it is there.
  if (got == 0) return;
  const off_t data = ::lseek(file.number(), static_cast<off_t>(offset), SEEK_DATA);
  const bool is_hole = data < 0 || static_cast<std::uint64_t>(data) >= offset + got;
  if (is_hole) {
    leader_.send({.op = Op::allocate,
                  .flags = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  .file = item.file,
                  .offset = offset,
                  .extra = got},
                 {});
  } else {
    leader_.send({.op = Op::write, .file = item.file, .offset = offset}, std::span{buffer_}.first(got));
  }
  send_times(item.file, file.number());
}

void Verifier::send_times(FileId file, int node) {
  struct stat of {};
  if (backing::stat_of(node, of) != 0) return;
  AttributeChange change;
  change.times = Times{of.st_atim, of.st_mtim};
  leader_.send({.op = Op::attributes, .file = file}, pack(change).bytes());
}

void Verifier::differs(const Difference& found) {
  const std::lock_guard lock{mutex_};
  add_difference(report_, found);
}

}  // namespace clusteragent::filesync
