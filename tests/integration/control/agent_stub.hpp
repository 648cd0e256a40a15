#pragma once
// AgentStub: a control server on a thread of its own, with a module whose states are written in advance. For tests of
// the socket and of the command line without an agent.
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/control/paths.hpp"
#include "agent/control/server.hpp"

namespace clusteragent::test {

/// A directory that goes away with the test.
class TemporaryRoot {
 public:
  explicit TemporaryRoot(const std::string& name);
  ~TemporaryRoot();
  const std::string& path() const { return path_; }
  control::Paths paths() const { return control::Paths{path_}; }
  /// Makes the folders above it.
  void write(const std::string& file, const std::string& text) const;

 private:
  std::string path_;
};

struct StateLine {
  std::string state;
  std::string activity;
  std::string reason;
};

class AgentStub {
 public:
  AgentStub(const TemporaryRoot& root, std::string module);
  ~AgentStub();

  /// What status shows; each state but the last is shown once.
  void show(std::vector<StateLine> states);
  /// The answer to orders from now on; nullopt: none comes.
  void answer_orders(std::optional<core::Reply> reply);
  /// From now on the decision thread of this agent does nothing until released.
  void freeze();
  void release();

  std::vector<core::OperatorRequest> orders() const;
  std::vector<std::string> printed() const;

 private:
  control::Json status();
  void operate(const core::OperatorRequest& order);

  mutable std::mutex mutex_;
  std::string module_;
  std::deque<StateLine> states_{{"STOP", "NotReady", "the agent started"}};
  std::optional<core::Reply> reply_ = core::Reply{{}, true, "accepted"};
  std::vector<core::OperatorRequest> orders_;
  std::vector<std::string> printed_;
  std::atomic<bool> is_frozen_ = false;

  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  std::unique_ptr<control::ControlServer> server_;
  std::thread thread_;
};

}  // namespace clusteragent::test
