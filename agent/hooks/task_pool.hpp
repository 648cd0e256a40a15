#pragma once
// TaskPool: blocking work on threads of its own, results back on the decision thread.
//
// Purpose: a script's file, its log and its processes may lie on a disk that hangs. Each piece of such work gets its
// own thread, so that one that hangs holds up nothing but itself; how many may hang at once is bounded. Ownership: the
// io_context outlives the pool. Threads: start and the destructor on the decision thread, Mail::post on any.
// Destruction waits for the work for `farewell_max` and leaves behind what hangs; such a thread holds only what it
// shares, and what it posts later is dropped.
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>

#include "agent/platform/asio.hpp"

namespace clusteragent::hooks {

class TaskPool {
  struct Shared {
    std::mutex mutex;
    std::condition_variable idle;
    boost::asio::io_context* context = nullptr;  // null once the pool is gone
    std::size_t running = 0;
  };

 public:
  /// The way back to the decision thread. A copy may outlive the pool.
  class Mail {
   public:
    explicit Mail(std::shared_ptr<Shared> shared) : shared_{std::move(shared)} {}
    void post(std::function<void()> work) const;

   private:
    std::shared_ptr<Shared> shared_;
  };

  // A node that is being rebooted must not wait for a hung disk.
  static constexpr std::chrono::seconds farewell_max{3};

  TaskPool(boost::asio::io_context& context, std::size_t threads_max);
  ~TaskPool();
  TaskPool(const TaskPool&) = delete;
  TaskPool& operator=(const TaskPool&) = delete;

  Mail mail() const { return Mail{shared_}; }
  /// False: `threads_max` pieces of work are still under way (or the system gives no thread), nothing was started.
  bool start(std::function<void()> work);

 private:
  std::shared_ptr<Shared> shared_;
  std::size_t threads_max_;
};

}  // namespace clusteragent::hooks
