#pragma once
// The replicated directory of one host, reduced to what can go wrong with it: names and files of a few blocks, in
// memory (what programs and the stream see) and on disk (what a power failure leaves). A block holds the number of the
// change that wrote it, so two directories are compared exactly. Owned by Mirror; single-threaded.
#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "tests/simulation/prng.hpp"

namespace clusteragent::simulation {

constexpr std::size_t file_blocks = 3;
/// The last one is where a program prepares what then replaces another file.
constexpr std::size_t file_names = 4;
constexpr std::size_t scratch_name = file_names - 1;

using Blocks = std::array<std::uint64_t, file_blocks>;

/// One change of the directory. `id` is new in the whole run and grows.
struct Change {
  enum class Kind : std::uint8_t { write, create, rename };
  Kind kind = Kind::write;
  std::uint64_t id = 0;
  std::uint64_t file = 0;  // write, create: its number, which is that of its creation
  std::size_t block = 0;   // write
  std::size_t name = 0;    // create, rename: from
  std::size_t target = 0;  // rename
};

struct Entry {
  std::uint64_t changed_by = 0;  // which change bound the name last
  std::uint64_t file = 0;        // 0: nothing has this name
  Blocks blocks{};
  friend bool operator==(const Entry&, const Entry&) = default;
};

struct Tree {
  std::array<Entry, file_names> entries{};
  Entry* find(std::uint64_t file);
  const Entry* find(std::uint64_t file) const;
  void apply(const Change& change);
  friend bool operator==(const Tree&, const Tree&) = default;
};

class DataDisk {
 public:
  const Tree& tree() const { return memory_; }
  void apply(const Change& change);
  /// Names as in `wanted`. A file keeps its blocks where its name was in use, and is empty where not.
  void make_equal(const Tree& wanted);
  /// The file, and as with any journal every name up to now.
  void sync_file(std::uint64_t file);
  void sync_names();
  void sync_all();
  /// Names were written in their order, blocks in any.
  void lose_power(Prng& prng);

 private:
  Tree memory_;
  Tree disk_;
  std::deque<Change> unsynced_names_;
};

/// What each change has replaced: whether a directory has a change or something that came after it. Grows with the run.
class History {
 public:
  std::uint64_t next() {
    replaced_.push_back(0);
    removed_by_.push_back(0);
    return replaced_.size() - 1;
  }
  /// Before it is applied to `before`.
  void record(const Change& change, const Tree& before);
  /// Is `id` that change or one that came after it in the same place?
  bool is_at_least(std::uint64_t id, std::uint64_t wanted) const;
  /// Every block of the file as promised, or the file was replaced since.
  bool has_contents(const Tree& tree, std::uint64_t file, const Blocks& promised) const;
  bool was_replaced(const Tree& tree, std::uint64_t file) const;

 private:
  std::vector<std::uint64_t> replaced_{0};    // by change: what was there before
  std::vector<std::uint64_t> removed_by_{0};  // by file: the change that took its last name
};

}  // namespace clusteragent::simulation
