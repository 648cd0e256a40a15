#include "modules/mysql_replication/engine/server/watch.hpp"

namespace clusteragent::mysql {

Watch::Watch(Target target, LookCounter& looks, std::function<void()> seen)
    : server_{std::move(target), looks}, seen_{std::move(seen)}, thread_{[this] { run(); }} {
  newest_.problem = "it was not asked yet";
}

Watch::~Watch() {
  {
    const std::lock_guard lock{mutex_};
    is_ending_ = true;
  }
  wanted_.notify_one();
  thread_.join();
}

void Watch::ask(bool wants_purged) {
  {
    const std::lock_guard lock{mutex_};
    is_asked_ = true;
    wants_purged_ = wants_purged;
  }
  wanted_.notify_one();
}

View Watch::newest() const {
  const std::lock_guard lock{mutex_};
  return newest_;
}

void Watch::run() {
  std::unique_lock lock{mutex_};
  for (;;) {
    wanted_.wait(lock, [this] { return is_asked_ || is_ending_; });
    if (is_ending_) return;
    is_asked_ = false;
    const bool wants_purged = wants_purged_;
    lock.unlock();
    View view = server_.look(wants_purged);
    lock.lock();
    newest_ = std::move(view);
    lock.unlock();
    seen_();
    lock.lock();
  }
}

}  // namespace clusteragent::mysql
