#include "agent/hooks/task_pool.hpp"

#include <system_error>
#include <thread>

namespace clusteragent::hooks {

void TaskPool::Mail::post(std::function<void()> work) const {
  const std::scoped_lock lock{shared_->mutex};
  if (shared_->context == nullptr) return;
  boost::asio::post(*shared_->context, [shared = shared_, work = std::move(work)] {
    {
      const std::scoped_lock again{shared->mutex};
      if (shared->context == nullptr) return;
    }
    // The pool's owner lives on this thread, so it cannot go away between the question and the work.
    work();
  });
}

TaskPool::TaskPool(boost::asio::io_context& context, std::size_t threads_max)
    : shared_{std::make_shared<Shared>()}, threads_max_{threads_max} {
  shared_->context = &context;
}

TaskPool::~TaskPool() {
  std::unique_lock lock{shared_->mutex};
  shared_->context = nullptr;
  shared_->idle.wait_for(lock, farewell_max, [this] { return shared_->running == 0; });
}

bool TaskPool::start(std::function<void()> work) {
  {
    const std::scoped_lock lock{shared_->mutex};
    if (shared_->running >= threads_max_) return false;
    ++shared_->running;
  }
  const auto leave = [shared = shared_] {
    const std::scoped_lock lock{shared->mutex};
    --shared->running;
    shared->idle.notify_all();
  };
  try {
    std::thread{[work = std::move(work), leave]() mutable {
      work();
      work = nullptr;
      leave();
    }}.detach();
  } catch (const std::system_error&) {
    leave();
    return false;
  }
  return true;
}

}  // namespace clusteragent::hooks
