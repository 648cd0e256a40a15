#include "agent/data/filesync/stream/copier.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "agent/data/filesync/store/descriptor_limit.hpp"
#include "agent/data/filesync/stream/block_hash.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::filesync {
namespace {

// Enough questions under way to keep both disks and the network busy, few enough to bound what is kept.
constexpr std::size_t questions_max = 32;
constexpr std::chrono::seconds times_interval{1};
// In turns of these. What is not on the replica's disk is sent again when it was lost, and no more.
constexpr unsigned turns_a_checkpoint = 3;

std::string failure(const std::string& what, int code) {
  return fmt::format("{}: {}", what, error_text(code));
}

}  // namespace

std::string Copier::run(const std::function<const Marks*()>& begin) {
  look_around();
  {
    const auto alone = leader_.gate.alone();
    leader_.watch(nullptr);
    if (is_abandoned()) return {};
    marks_ = begin();
    if (marks_ == nullptr) return "this node may not copy now";
    if (std::string problem = send_tree(); !problem.empty()) return problem;
  }
  survey_.reset();
  if (!wait_adopted()) return {};
  sum_up();
  if (std::string problem = copy_contents(); !problem.empty()) return problem;
  if (!settle(0)) return {};
  if (error_ != 0) return failure("cannot read a file to copy it", error_);
  // Folders last: what was made in them has changed their times.
  for (auto item = items_.rbegin(); item != items_.rend(); ++item) send_times(*item);
  leader_.end_copy();
  std::unique_lock lock{mutex_};
  for (unsigned turn = 1; !changed_.wait_for(lock, times_interval, [this] { return is_abandoned_; }); ++turn) {
    lock.unlock();
    leader_.tell_times();
    if (turn % turns_a_checkpoint == 0) leader_.checkpoint();
    lock.lock();
  }
  return {};
}

std::string Copier::send_tree() {
  const bool is_known = !marks_->is_everything();
  leader_.append({.op = Op::manifest_begin, .flags = std::uint16_t{is_known}}, {}, false);
  for (std::size_t at = 0; at < leader_.directories_.size(); ++at) {
    if (std::string problem = send_volume(static_cast<VolumeNumber>(at), is_known); !problem.empty()) return problem;
  }
  leader_.append({.op = Op::manifest_end}, {}, false);
  return {};
}

std::string Copier::send_volume(VolumeNumber number, bool is_known) {
  TreeReader reader{leader_.directories_[number], number};
  std::string problem;
  const auto root = reader.read(FileId{}, leader_.directories_[number].root, "", problem);
  return root ? send_entry(reader, FileId{}, *root, "", is_known) : problem;
}

void Copier::look_around() {
  survey_.emplace(leader_.directories_);
  leader_.watch(&*survey_);
  survey_->look([this] { return is_abandoned(); });
}

bool Copier::is_abandoned() {
  const std::lock_guard lock{mutex_};
  return is_abandoned_;
}

bool Copier::wait_adopted() {
  if (marks_->is_everything()) return true;
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return is_abandoned_ || is_adopted_; });
  return !is_abandoned_;
}

bool Copier::adopted(const Head& head, std::span<const std::byte> payload) {
  const auto doubts = unpack_doubts(payload);
  if (!doubts) return false;
  {
    const std::lock_guard lock{mutex_};
    for (const Doubt& each : *doubts) {
      FileMarks& marks = doubts_[each.file];
      if (each.extent == Doubt::whole)
        marks.is_whole = true;
      else
        marks.doubtful.insert(each.extent);
    }
    is_adopted_ = head.flags != 0;
  }
  changed_.notify_all();
  return true;
}

std::vector<Span> Copier::spans_of(const Item& item) const {
  FileMarks marks;
  marks.is_whole = !item.is_certain;
  if (const FileMarks* known = marks_->find(item.file)) marks.join(*known);
  if (const auto doubts = doubts_.find(item.file); doubts != doubts_.end()) marks.join(doubts->second);
  return marks.spans(item.size);
}

void Copier::sum_up() {
  std::uint64_t bytes = 0;
  for (const Item& item : items_) {
    if (!S_ISREG(item.mode)) continue;
    for (const Span& span : spans_of(item)) bytes += span.end - span.begin;
  }
  const std::lock_guard lock{leader_.mutex_};
  leader_.progress_.bytes_all = bytes;
}

std::string Copier::send_entry(TreeReader& reader, FileId folder, const FoundEntry& entry, const std::string& path,
                               bool is_certain) {
  const bool is_new = places_.emplace(entry.file, items_.size()).second;
  is_certain = is_certain && is_new && !marks_->has(Slot{folder, slot_name(entry.name)});
  leader_.append({.op = Op::manifest_entry, .flags = std::uint16_t{is_certain}}, entry.packed, false);
  if (!is_new) return {};  // another name of a file that was sent
  items_.push_back({entry.file, entry.handle, entry.mode, entry.size, is_certain});
  return S_ISDIR(entry.mode) ? send_folder(reader, entry, path, is_certain) : std::string{};
}

std::string Copier::send_folder(TreeReader& reader, const FoundEntry& folder, const std::string& path,
                                bool is_certain) {
  // The application waits meanwhile: not for a connection that is lost.
  if (is_abandoned()) return {};
  const auto inside = [&path](const std::string& name) { return path.empty() ? name : path + "/" + name; };
  if (const auto* known = survey_->names_in(folder.file)) {
    for (const FoundEntry& entry : *known) {
      if (reader.excludes(inside(entry.name), entry.mode)) continue;
      std::string problem = survey_->has_changed(entry.file)
                                ? send_node(reader, folder.file, open_entry(entry), inside(entry.name), is_certain)
                                : send_entry(reader, folder.file, entry, inside(entry.name), is_certain);
      if (!problem.empty()) return problem;
    }
    return {};
  }
  const platform::Fd node = open_entry(folder);
  if (!node) return failure("cannot open " + path, errno);
  std::vector<std::string> names;
  if (const int error = backing::names_in(node.number(), names); error != 0)
    return failure("cannot read a folder", error);
  for (const std::string& name : names) {
    std::string problem =
        send_node(reader, folder.file, backing::open_node(node.number(), name), inside(name), is_certain);
    if (!problem.empty()) return problem;
  }
  return {};
}

std::string Copier::send_node(TreeReader& reader, FileId folder, const platform::Fd& node, const std::string& path,
                              bool is_certain) {
  if (!node) return failure("cannot open " + path, errno);
  std::string problem;
  const auto entry = reader.read(folder, node.number(), path, problem);
  return entry ? send_entry(reader, folder, *entry, path, is_certain) : problem;
}

platform::Fd Copier::open_entry(const FoundEntry& entry) const {
  return open_handle(root_of_file(entry.file), entry.handle, O_PATH | O_NOFOLLOW);
}

std::string Copier::copy_contents() {
  auto next = items_.cbegin();
  ReadAhead ahead{
      leader_.options_.copy_pieces, [&]() -> std::optional<ReadAhead::Part> {
        for (; next != items_.cend(); ++next) {
          if (!S_ISREG(next->mode)) continue;
          std::vector<Span> spans = spans_of(*next);
          if (spans.empty()) continue;
          const Item& item = *next++;
          return ReadAhead::Part{open_handle(root_of_file(item.file), item.handle, O_RDONLY), std::move(spans)};
        }
        return std::nullopt;
      }};
  for (const Item& item : items_) {
    if (std::string problem = S_ISREG(item.mode) ? copy(item, ahead) : std::string{}; !problem.empty()) return problem;
  }
  return {};
}

std::string Copier::copy(const Item& item, ReadAhead& ahead) {
  const std::vector<Span> spans = spans_of(item);
  if (spans.empty()) return {};
  const platform::Fd file = open_handle(root_of_file(item.file), item.handle, O_RDONLY);
  if (!file && errno != ESTALE) return failure("cannot open a file to compare it", errno);
  if (!file) {
    for (const Span& span : spans) passed_ += span.end - span.begin;
    return {};
  }
  for (const Span& span : spans) {
    for (std::uint64_t offset = span.begin;;) {
      std::uint64_t next = 0;
      ahead.reached(passed_ + offset - span.begin);
      {
        const auto shared = leader_.gate.shared();
        const std::lock_guard lock{leader_.locks.of(item.file)};
        next = copy_from(item, file.number(), offset, span);
      }
      if (error_ != 0) return failure("cannot read a file to copy it", error_);
      if (next == offset) break;
      offset = next;
      if (!settle(questions_max)) return {};
    }
    passed_ += span.end - span.begin;
    const std::lock_guard lock{leader_.mutex_};
    leader_.progress_.bytes_done += span.end - span.begin;
  }
  return {};
}

std::uint64_t Copier::copy_from(const Item& item, int file, std::uint64_t offset, const Span& span) {
  struct stat of {};
  if (::fstat(file, &of) != 0 || of.st_nlink == 0) return offset;
  const auto last = std::min(span.end, static_cast<std::uint64_t>(of.st_size));
  if (offset >= last) return offset;
  const off_t data = ::lseek(file, static_cast<off_t>(offset), SEEK_DATA);
  const std::uint64_t begin = data < 0 ? last : std::min(last, static_cast<std::uint64_t>(data));
  if (begin > offset) {
    // A hole that ends with the file takes its last block along; one that ends a byte before the block's end does not.
    const auto block = static_cast<std::uint64_t>(of.st_blksize);
    const bool is_last = begin == static_cast<std::uint64_t>(of.st_size);
    send_emptiness(item.file, file, offset, is_last ? (begin + block - 1) / block * block : begin);
    return begin;
  }
  const off_t hole = ::lseek(file, static_cast<off_t>(offset), SEEK_HOLE);
  const std::uint64_t end = hole < 0 ? last : std::min(last, static_cast<std::uint64_t>(hole));
  buffer_.resize(chunk_bytes);
  std::size_t got = 0;
  const std::uint64_t wanted = std::min<std::uint64_t>(chunk_bytes, end - offset);
  if (const int error = backing::read_at(file, buffer_.data(), wanted, offset, got); error != 0) error_ = error;
  if (error_ != 0 || got == 0) return offset;
  span.is_changed ? send(item, offset, got) : ask(item, offset, got);
  return offset + got;
}

void Copier::ask(const Item& item, std::uint64_t offset, std::size_t bytes) {
  std::vector<BlockHash> hashes;
  for (std::size_t at = 0; at < bytes; at += block_bytes)
    hashes.push_back(hash_of(std::span{buffer_}.subspan(at, std::min(block_bytes, bytes - at))));
  {
    const std::lock_guard lock{mutex_};
    asked_++;
  }
  leader_.append({.op = Op::hashes, .file = item.file, .offset = offset, .extra = bytes},
                 std::as_bytes(std::span{hashes}), false);
}

void Copier::send(const Item& item, std::uint64_t offset, std::size_t bytes) {
  leader_.append({.op = Op::write, .file = item.file, .offset = offset}, std::span{buffer_}.first(bytes), false);
  const std::lock_guard lock{leader_.mutex_};
  leader_.progress_.bytes_sent += bytes;
}

void Copier::send_emptiness(FileId file, int contents, std::uint64_t begin, std::uint64_t end) {
  const auto send = [&](int mode, std::uint64_t from, std::uint64_t to) {
    leader_.append({.op = Op::allocate,
                    .flags = static_cast<std::uint16_t>(mode | FALLOC_FL_KEEP_SIZE),
                    .file = file,
                    .offset = from,
                    .extra = to - from},
                   {}, false);
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
  if (!file) {
    if (errno != ESTALE) error_ = errno;
    return;
  }
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
    const std::uint64_t wanted = std::min<std::uint64_t>(block_bytes, answer.bytes - from);
    if (const int error = backing::read_at(file.number(), buffer_.data(), wanted, offset, got); error != 0)
      error_ = error;
    if (error_ != 0 || got == 0) return;
    leader_.append({.op = Op::write, .file = answer.file, .offset = offset}, std::span{buffer_}.first(got), false);
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
  leader_.append({.op = Op::attributes, .file = item.file}, packed.bytes(), false);
}

}  // namespace clusteragent::filesync
