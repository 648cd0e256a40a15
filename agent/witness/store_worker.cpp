#include "agent/witness/store_worker.hpp"

#include <utility>

#include "agent/platform/linux/thread.hpp"

namespace clusteragent::witness {

StoreWorker::StoreWorker(boost::asio::io_context& io, OnStored on_stored)
    : io_{io}, on_stored_{std::move(on_stored)}, thread_{platform::start_worker_thread("witness-store", [this] {
        run();
      })} {}

StoreWorker::~StoreWorker() {
  *is_alive_ = false;
  {
    const std::lock_guard lock{mutex_};
    ends_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void StoreWorker::store(const ModuleId& id, std::string path, std::string text) {
  {
    const std::lock_guard lock{mutex_};
    waiting_.push_back({id, std::move(path), std::move(text)});
  }
  wake_.notify_one();
}

void StoreWorker::run() {
  std::unique_lock lock{mutex_};
  while (true) {
    wake_.wait(lock, [this] { return ends_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const Job job = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    const Replacement replaced = replace_file(job.path, job.text, true);
    boost::asio::post(io_, [this, alive = is_alive_, id = job.id, replaced] {
      if (*alive) on_stored_(id, replaced);
    });
    lock.lock();
  }
}

}  // namespace clusteragent::witness
