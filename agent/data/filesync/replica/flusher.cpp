#include "agent/data/filesync/replica/flusher.hpp"

#include <errno.h>
#include <unistd.h>

namespace clusteragent::filesync {

Flusher::~Flusher() {
  {
    const std::lock_guard lock{mutex_};
    is_over_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Flusher::ask(Sequence sequence) {
  {
    const std::lock_guard lock{mutex_};
    asked_ = sequence;
  }
  if (!thread_.joinable()) thread_ = std::thread{[this] { work(); }};
  changed_.notify_all();
}

void Flusher::work() {
  for (;;) {
    Sequence sequence;
    {
      std::unique_lock lock{mutex_};
      changed_.wait(lock, [this] { return is_over_ || asked_; });
      if (is_over_) return;
      sequence = *asked_;
      asked_.reset();
    }
    int error = 0;
    for (const Directory& directory : directories_) {
      if (::syncfs(directory.root) != 0) error = errno;
    }
    done_(sequence, error);
  }
}

}  // namespace clusteragent::filesync
