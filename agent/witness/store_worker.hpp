#pragma once
// StoreWorker: a thread that waits for the disk, so that the loop never does. Votes of all modules are written one
// after another, in the order in which they were asked for.
//
// Ownership: the server's; the io_context outlives it. Threads: store() on the loop; the answer is posted to it. Bound:
// a module has at most one write under way, so there are never more than modules. On destruction what is queued is
// still written; no answer comes any more.
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "agent/platform/asio.hpp"
#include "agent/witness/sealed_text.hpp"
#include "agent/witness/voter_file.hpp"

namespace clusteragent::witness {

class StoreWorker {
 public:
  using OnStored = std::function<void(const ModuleId&, const Replacement&)>;

  StoreWorker(boost::asio::io_context& io, OnStored on_stored);
  ~StoreWorker();
  StoreWorker(const StoreWorker&) = delete;
  StoreWorker& operator=(const StoreWorker&) = delete;

  void store(const ModuleId& id, std::string path, std::string text);

 private:
  struct Job {
    ModuleId id;
    std::string path;
    std::string text;
  };
  void run();

  boost::asio::io_context& io_;
  OnStored on_stored_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> waiting_;
  bool ends_ = false;
  // Answers that are posted already when this object goes must not touch it.
  std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);
  std::thread thread_;
};

}  // namespace clusteragent::witness
