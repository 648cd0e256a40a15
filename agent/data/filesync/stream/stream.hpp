#pragma once
// Stream: where the file operations of this node go besides its own disk. The order of the stream is that of the local
// operations because both are done under one lock: names under the gate, alone; data under the gate, shared, and the
// file's own lock. Threads: any.
#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>

#include "agent/data/filesync/fuse/node_table.hpp"
#include "agent/data/filesync/ledger/ledger.hpp"

namespace clusteragent::filesync {

/// One who wants it alone is not kept waiting by ever new ones who share it.
class Gate {
 public:
  std::shared_lock<std::shared_mutex> shared() {
    const std::lock_guard turn{turnstile_};
    return std::shared_lock{lock_};
  }
  std::unique_lock<std::shared_mutex> alone() {
    const std::lock_guard turn{turnstile_};
    return std::unique_lock{lock_};
  }

 private:
  std::mutex turnstile_;
  std::shared_mutex lock_;
};

/// A lock for each file; few files share one by chance, which costs time and no more.
class FileLocks {
 public:
  std::mutex& of(FileId file) { return locks_[file.value() % locks_.size()]; }

 private:
  std::array<std::mutex, 251> locks_;
};

class Stream {
 public:
  virtual ~Stream() = default;
  /// Under the lock of what is about to be done, as it will be recorded; may wait for the disk.
  virtual void announce(const Head& head, std::span<const std::byte> payload = {}) = 0;
  /// Under the lock of what was done. Where somebody listens, it goes out with the next flush() or pass(); may wait for
  /// room.
  virtual void record(Head head, std::span<const std::byte> payload = {}) = 0;
  /// Under no lock: sends what was recorded.
  virtual void flush() = 0;
  /// Under no lock: nobody waits for what was recorded.
  virtual void pass() = 0;
  /// An operation on it failed and may have been done in part: nobody was told of that.
  virtual void doubt(FileId file) = 0;
  virtual Mark mark() = 0;
  /// True: reply now. False: answered later.
  virtual bool may_reply(const Waiter& waiter, Mark needed) = 0;
  /// Its times are to be told when it is let go of, or a moment later.
  virtual void touched(const NodeRef& node) = 0;
  virtual bool acknowledges_on_disk() const = 0;
  /// Every write is a promise, as if its file were opened with O_DSYNC.
  virtual bool acknowledges_writes() const = 0;

  Gate gate;
  FileLocks locks;
};

}  // namespace clusteragent::filesync
