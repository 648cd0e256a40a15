#include "agent/data/filesync/ledger/regions.hpp"

#include <linux/falloc.h>
#include <xxhash.h>

#include <algorithm>

#include "agent/base/assert.hpp"
#include "agent/data/filesync/ledger/entry.hpp"
#include "agent/data/filesync/wire/payload.hpp"

namespace clusteragent::filesync {
namespace {

// 256 GiB of a file that is written all over; beyond, to compare it costs little more.
constexpr std::size_t words_a_file_max = 65536;
// Some 50 MiB of memory.
constexpr std::size_t words_max = 512 * 1024;
constexpr std::size_t slots_max = 512 * 1024;
constexpr int moves_contents = FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE;

std::uint64_t end_of(std::uint64_t begin, std::uint64_t bytes) {
  return bytes > ~begin ? ~std::uint64_t{0} : begin + bytes;
}

std::vector<Slot> slots_of(const Head& head, std::span<const std::byte> payload) {
  const FileId folder{head.offset};
  if (head.op == Op::create) {
    const auto file = unpack_new_file(payload);
    return file ? std::vector<Slot>{{folder, slot_name(file->name)}} : std::vector<Slot>{};
  }
  if (head.op == Op::rename) {
    const auto names = unpack_names(payload);
    if (!names) return {};
    return {{folder, slot_name(names->first)}, {FileId{head.extra}, slot_name(names->second)}};
  }
  const auto name = unpack_name(payload);
  return name ? std::vector<Slot>{{folder, slot_name(*name)}} : std::vector<Slot>{};
}

FileMarks whole() {
  FileMarks marks;
  marks.is_whole = true;
  return marks;
}

void append(std::vector<Span>& spans, Span next) {
  if (!spans.empty() && next.begin < spans.back().end) next.begin = spans.back().end;
  if (next.begin >= next.end) return;
  if (!spans.empty() && spans.back().end == next.begin && spans.back().is_changed == next.is_changed)
    spans.back().end = next.end;
  else
    spans.push_back(next);
}

}  // namespace

std::uint64_t slot_name(std::string_view name) {
  return XXH3_64bits(name.data(), name.size());
}

Touched touched_by(const Head& head, std::span<const std::byte> payload) {
  Touched touched;
  touched.file = head.file;
  touched.begin = touched.end = head.offset;
  switch (head.op) {
    case Op::write:
      touched.end = end_of(head.offset, payload.size());
      break;
    case Op::truncate:
      touched.to_the_end = true;
      break;
    case Op::allocate:
      touched.end = end_of(head.offset, head.extra);
      touched.to_the_end = (head.flags & moves_contents) != 0;
      break;
    case Op::create:
    case Op::link:
    case Op::remove:
    case Op::rename:
      touched.begin = touched.end = 0;
      touched.slots = slots_of(head, payload);
      break;
    default:
      break;
  }
  return touched;
}

void FileMarks::join(const FileMarks& other) {
  is_whole = is_whole || other.is_whole;
  if (other.tail) tail = std::min(tail.value_or(*other.tail), *other.tail);
  for (const auto& [extent, word] : other.words) words[extent] |= word;
  doubtful.insert(other.doubtful.begin(), other.doubtful.end());
}

std::vector<Span> FileMarks::spans(std::uint64_t size) const {
  std::vector<Span> found;
  if (is_whole) {
    append(found, {0, size, false});
    return found;
  }
  const std::uint64_t end = std::min(size, tail.value_or(size));
  std::set<std::uint64_t> extents = doubtful;
  for (const auto& [extent, word] : words) extents.insert(extent);
  for (const std::uint64_t extent : extents) {
    const auto known = words.find(extent);
    const std::uint64_t word = known == words.end() ? 0 : known->second;
    const bool is_doubtful = doubtful.contains(extent);
    for (std::uint64_t block = 0; block < 64; ++block) {
      const bool is_changed = ((word >> block) & 1U) != 0;
      const std::uint64_t begin = extent * extent_bytes + block * region_block_bytes;
      if (begin >= end) break;
      if (is_changed || is_doubtful) append(found, {begin, std::min(end, begin + region_block_bytes), is_changed});
    }
  }
  if (tail && *tail < size) append(found, {*tail, size, true});
  return found;
}

void Marks::bound(FileMarks& file) {
  if (file.count() > words_a_file_max) {
    words_ -= std::min(words_, file.count());
    file = whole();
  }
  if (words_ > words_max || slots_.size() > slots_max) doubt_all();
}

void Marks::add(const Touched& touched) {
  if (is_everything_) return;
  for (const Slot& slot : touched.slots) slots_.insert(slot);
  if (slots_.size() > slots_max) return doubt_all();
  if (touched.begin == touched.end && !touched.to_the_end) return;
  FileMarks& file = files_[touched.file];
  if (file.is_whole) return;
  const std::size_t before = file.count();
  if (touched.to_the_end) {
    file.tail = std::min(file.tail.value_or(touched.begin), touched.begin);
  } else if ((touched.end - touched.begin) / extent_bytes >= words_a_file_max) {
    file = whole();
  } else {
    const std::uint64_t last = (touched.end - 1) / region_block_bytes;
    for (std::uint64_t block = touched.begin / region_block_bytes; block <= last; ++block)
      file.words[block / 64] |= std::uint64_t{1} << (block % 64);
  }
  words_ += file.count() > before ? file.count() - before : 0;
  bound(file);
}

void Marks::doubt(FileId file) {
  if (is_everything_) return;
  files_[file] = whole();
  words_++;
  if (words_ > words_max) doubt_all();
}

void Marks::doubt_extent(FileId file, std::uint64_t extent) {
  if (is_everything_) return;
  FileMarks& marks = files_[file];
  if (marks.is_whole || !marks.doubtful.insert(extent).second) return;
  words_++;
  bound(marks);
}

void Marks::doubt_names(FileId folder, std::uint64_t group) {
  if (!is_everything_) groups_.insert(Slot{folder, group});
}

bool Marks::has(const Slot& slot) const {
  return is_everything_ || slots_.contains(slot) || groups_.contains(Slot{slot.folder, slot.name % name_groups});
}

void Marks::doubt_all() {
  clear();
  is_everything_ = true;
}

void Marks::join(Marks&& other) {
  if (is_everything_ || other.is_everything_) return doubt_all();
  slots_.merge(other.slots_);
  groups_.merge(other.groups_);
  for (auto& [id, marks] : other.files_) {
    FileMarks& file = files_[id];
    file.join(marks);
    if (file.is_whole || file.count() > words_a_file_max) file = whole();
  }
  words_ = 0;
  for (const auto& [id, marks] : files_) words_ += marks.count();
  other.clear();
  if (words_ > words_max || slots_.size() > slots_max) doubt_all();
}

const FileMarks* Marks::find(FileId file) const {
  const auto found = files_.find(file);
  return found == files_.end() ? nullptr : &found->second;
}

void Regions::mark(const Head& head, std::span<const std::byte> payload) {
  newer_.add(touched_by(head, payload));
}

const Marks& Regions::begin_copy(bool is_difference_known) {
  lost();
  copying_ = std::move(newer_);
  copying_.join(std::move(failed_));
  newer_.clear();
  if (!is_difference_known) copying_.doubt_all();
  return copying_;
}

void Regions::checkpoint(Sequence sequence) {
  CLUSTERAGENT_ASSERT(may_checkpoint());
  checkpoint_ = sequence;
  older_ = std::move(newer_);
  newer_.clear();
}

bool Regions::durable(Sequence sequence) {
  if (checkpoint_ != sequence) return false;
  checkpoint_.reset();
  older_.clear();
  return true;
}

void Regions::lost() {
  checkpoint_.reset();
  newer_.join(std::move(older_));
  newer_.join(std::move(copying_));
  copying_.clear();
}

}  // namespace clusteragent::filesync
