#pragma once
// Regions: where the replica may differ from this copy. Names by the place where they stand, contents by blocks of
// 64 KiB. A file has a certain counterpart at its path only if nothing on the way there was made, linked, renamed or
// removed; then its marked blocks alone are to be sent.
//
// What is marked stays marked until the replica has it on its disk: a checkpoint closes a generation, which goes when
// the answer to it comes (durable); a lost connection joins them all again; a copy clears what it was begun with, at
// its end.
//
// Pure; no lock: one caller at a time. Bounds: a file with too many marks is compared whole, and with too many in all
// everything is.
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <unordered_map>

#include "agent/data/filesync/wire/operation.hpp"

namespace clusteragent::filesync {

inline constexpr std::uint64_t region_block_bytes = 64 * 1024;
/// Blocks of one word of marks.
inline constexpr std::uint64_t extent_bytes = 64 * region_block_bytes;

/// A name in a folder.
struct Slot {
  FileId folder;
  std::uint64_t name = 0;  // slot_name()
  friend auto operator<=>(const Slot&, const Slot&) = default;
};
std::uint64_t slot_name(std::string_view name);

/// What one operation changes.
struct Touched {
  FileId file{};
  std::uint64_t begin = 0;
  std::uint64_t end = 0;    // begin: no contents
  bool to_the_end = false;  // all from begin on, wherever the file ends
  std::vector<Slot> slots;
};
Touched touched_by(const Head& head, std::span<const std::byte> payload);

struct Span {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  bool is_changed = false;  // it differs; otherwise it may
  friend bool operator==(const Span&, const Span&) = default;
};

struct FileMarks {
  bool is_whole = false;                         // every block may differ
  std::optional<std::uint64_t> tail;             // all from here on has changed
  std::map<std::uint64_t, std::uint64_t> words;  // extent, changed blocks
  std::set<std::uint64_t> doubtful;              // extents that may differ

  void join(const FileMarks& other);
  /// In order, without overlap, within a file of that size.
  std::vector<Span> spans(std::uint64_t size) const;
  std::size_t count() const { return words.size() + doubtful.size() + 1; }
};

class Marks {
 public:
  void add(const Touched& touched);
  void doubt(FileId file);
  void doubt_extent(FileId file, std::uint64_t extent);
  /// All of a folder whose slot_name() modulo name_groups (entry.hpp) is that.
  void doubt_names(FileId folder, std::uint64_t group);
  void doubt_all();
  void join(Marks&& other);
  void clear() { *this = Marks{}; }

  bool is_everything() const { return is_everything_; }
  bool is_empty() const { return !is_everything_ && files_.empty() && slots_.empty() && groups_.empty(); }
  bool has(const Slot& slot) const;
  /// Nothing: its contents are not marked.
  const FileMarks* find(FileId file) const;

 private:
  void bound(FileMarks& file);

  bool is_everything_ = false;
  std::size_t words_ = 0;
  std::unordered_map<FileId, FileMarks> files_;
  std::set<Slot> slots_;
  std::set<Slot> groups_;
};

class Regions {
 public:
  /// With the operation, before anything else can be numbered.
  void mark(const Head& head, std::span<const std::byte> payload);
  /// An operation on it failed half done: what it left nobody was told.
  void doubt(FileId file) { failed_.doubt(file); }
  /// What another life of this node, or another node, remembers.
  void add(Marks&& known) { newer_.join(std::move(known)); }

  /// Returns what is to be copied; it stays as it is until copied() or lost().
  const Marks& begin_copy(bool is_difference_known);
  void copied() { copying_.clear(); }

  bool may_checkpoint() const { return !checkpoint_ && !newer_.is_empty(); }
  /// Nothing is under way that was marked and not numbered.
  void checkpoint(Sequence sequence);
  bool has_checkpoint() const { return checkpoint_.has_value(); }
  /// False: of another checkpoint.
  bool durable(Sequence sequence);
  bool is_empty() const { return copying_.is_empty() && older_.is_empty() && newer_.is_empty() && failed_.is_empty(); }
  void lost();

 private:
  Marks copying_;  // before the copy began
  Marks older_;    // before the checkpoint
  Marks newer_;
  Marks failed_;
  std::optional<Sequence> checkpoint_;
};

}  // namespace clusteragent::filesync
