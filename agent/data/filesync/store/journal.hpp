#pragma once
// Journal: the primary's memory of what may differ, for the time after a crash: before anything is changed, an entry
// for it is on the disk. An entry costs a write once; it stays until both disks have what it stands for and the room is
// needed. Threads that wait for the same disk share one write.
//
// The file: a head with the history, then entries of fixed size, each with a checksum that is seeded by the history;
// zeros follow. What a torn write left at the end is no entry; damage before it makes all of it unreadable.
//
// Threads: any. Errors: a journal that cannot be written is given up: `on_failure`, once, from the thread that saw it,
// must see to it that nobody believes what the file says. Changes go on without it.
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "agent/base/result.hpp"
#include "agent/data/filesync/ledger/entry.hpp"
#include "agent/data/filesync/ledger/history.hpp"
#include "agent/platform/fd.hpp"

namespace clusteragent::filesync {

class Journal {
 public:
  using OnFailure = std::function<void(const std::string& reason)>;

  Journal(std::string folder, HistoryId history, OnFailure on_failure);

  /// What the file of that history says; nothing: it is not there, or damaged.
  static std::optional<std::vector<Entry>> read(const std::string& folder, const HistoryId& history);

  /// Begins the file anew with these; on disk when it returns.
  Status begin(const std::vector<Entry>& known);
  /// Returns when it is on disk, or the journal has failed.
  void announce(const Touched& touched);
  /// Its place was announced, so all that is in it is to be compared: until the next generation, neither contents nor
  /// names in it cost an entry.
  void made(FileId file);
  /// As long as the journal lives, whatever is durable.
  void keep(FileId file);
  /// Whether it was announced and not dropped since.
  bool has(const Touched& touched);

  /// More entries than are worth to be compared after a crash.
  bool is_crowded();
  /// What is announced from now on is of the generation that is returned. No operation is between announce() and its
  /// end.
  std::uint64_t next_generation();
  /// What was announced before that generation is on both disks.
  void drop_before(std::uint64_t generation);
  bool has_failed();

 private:
  struct Place {
    std::uint64_t generation = 0;
    std::uint64_t batch = 0;  // with which it is written
  };
  void add(const std::vector<Entry>& entries, bool is_kept);
  void flush(std::unique_lock<std::mutex>& lock);
  /// Errors: errno.
  int write_batch(const std::vector<Entry>& batch);
  int rewrite(const std::vector<Entry>& entries, std::size_t room);
  std::vector<Entry> all() const;
  void fail(int error);

  const std::string folder_;
  const HistoryId history_;
  OnFailure on_failure_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_covered(const Entry& entry) const { return places_.contains(entry) || made_.contains(entry.file); }

  std::unordered_map<Entry, Place> places_;
  // Of this generation alone: the entry for its place does not outlive the next one that is durable.
  std::unordered_set<FileId> made_;
  std::vector<Entry> pending_;
  std::uint64_t generation_ = 1;
  std::uint64_t batch_ = 1;    // that is being collected
  std::uint64_t durable_ = 0;  // batches up to this one
  bool is_flushing_ = false;
  bool has_failed_ = false;
  // Of the one that flushes
  platform::Fd file_;
  std::size_t room_ = 0;  // entries
  std::size_t used_ = 0;
};

}  // namespace clusteragent::filesync
