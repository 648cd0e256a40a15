#pragma once
// Flusher: writes everything that was applied to the disk, beside the thread that applies. Its thread exists once
// something was asked for. Threads: ask() by one; `done` comes from the Flusher's own.
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "agent/data/filesync/store/exclusion.hpp"
#include "agent/data/filesync/wire/operation.hpp"

namespace clusteragent::filesync {

class Flusher {
 public:
  /// `done`: 0, or why not all of it is on the disk (errno).
  Flusher(std::vector<Directory> directories, std::function<void(Sequence, int error)> done)
      : directories_{std::move(directories)}, done_{std::move(done)} {}
  ~Flusher();
  Flusher(const Flusher&) = delete;
  Flusher& operator=(const Flusher&) = delete;

  /// What was applied up to here. One that is asked for meanwhile takes the place of one that waits.
  void ask(Sequence sequence);

 private:
  void work();

  std::vector<Directory> directories_;
  std::function<void(Sequence, int)> done_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Sequence> asked_;
  bool is_over_ = false;
  std::thread thread_;
};

}  // namespace clusteragent::filesync
