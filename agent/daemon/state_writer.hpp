#pragma once
// StateWriter: the real StatePort. A thread of its own waits for the disk; the decision thread never does.
//
// Ownership: the daemon's; outlives the Cluster. Threads: persist() on the decision thread; writes happen on the
// writer's thread; the answer is posted to the io_context. Bound: the core has at most one write under way.
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "agent/core/ports.hpp"
#include "agent/platform/asio.hpp"

namespace clusteragent::daemon {

class StateWriter : public core::StatePort {
 public:
  StateWriter(boost::asio::io_context& loop, std::string path, core::EventSink sink);
  ~StateWriter() override;

  void persist(const core::PersistState& write) override;

 private:
  void run();

  boost::asio::io_context& loop_;
  std::string path_;
  core::EventSink sink_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<core::PersistState> waiting_;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace clusteragent::daemon
