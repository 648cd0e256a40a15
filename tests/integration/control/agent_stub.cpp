#include "tests/integration/control/agent_stub.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace clusteragent::test {

TemporaryRoot::TemporaryRoot(const std::string& name)
    : path_{std::filesystem::temp_directory_path() / ("clusteragent_" + name + "_" + std::to_string(::getpid()))} {
  std::filesystem::remove_all(path_);
  std::filesystem::create_directories(path_);
}

TemporaryRoot::~TemporaryRoot() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void TemporaryRoot::write(const std::string& file, const std::string& text) const {
  std::filesystem::create_directories(std::filesystem::path{file}.parent_path());
  std::ofstream{file} << text;
}

AgentStub::AgentStub(const TemporaryRoot& root, std::string module) : module_{std::move(module)} {
  std::filesystem::create_directories(root.paths().run_dir(module_));
  control::Handlers handlers;
  handlers.status = [this] { return status(); };
  handlers.operate = [this](const core::OperatorRequest& order) { operate(order); };
  handlers.print = [this](char level, const std::string& text) {
    const std::lock_guard lock{mutex_};
    printed_.push_back(std::string{level} + " " + text);
  };
  handlers.reload_keys = [this](RequestId request) {
    // Later, as an agent does that waits for its disk.
    boost::asio::post(io_, [this, request] { server_->reply({request, false, "keys not changed: cut off"}); });
  };
  handlers.verify = [this](RequestId request, const control::VerifyRequest& wanted) {
    boost::asio::post(io_, [this, request, repairs = wanted.repairs] {
      server_->reply(
          {request, !repairs, repairs ? "cannot verify: a copy is under way" : "the verification has begun"});
    });
  };
  auto opened = control::ControlServer::open(io_, root.paths().socket(module_), std::move(handlers));
  EXPECT_TRUE(opened.ok()) << opened.error().message;
  if (opened) server_ = std::move(*opened);
  thread_ = std::thread{[this] { io_.run(); }};
}

AgentStub::~AgentStub() {
  release();
  io_.stop();
  thread_.join();
}

void AgentStub::show(std::vector<StateLine> states) {
  const std::lock_guard lock{mutex_};
  states_.assign(states.begin(), states.end());
}

void AgentStub::answer_orders(std::optional<core::Reply> reply) {
  const std::lock_guard lock{mutex_};
  reply_ = std::move(reply);
}

void AgentStub::freeze() {
  is_frozen_ = true;
  boost::asio::post(io_, [this] { is_frozen_.wait(true); });
}

void AgentStub::release() {
  is_frozen_ = false;
  is_frozen_.notify_all();
}

std::vector<core::OperatorRequest> AgentStub::orders() const {
  const std::lock_guard lock{mutex_};
  return orders_;
}

std::vector<std::string> AgentStub::printed() const {
  const std::lock_guard lock{mutex_};
  return printed_;
}

control::Json AgentStub::status() {
  const std::lock_guard lock{mutex_};
  const StateLine now = states_.front();
  if (states_.size() > 1) states_.pop_front();
  return {
      {"schema", control::status_schema},
      {"module", module_},
      {"node", "node1"},
      {"stale_after_ms", 3000},
      {"local", {{"state", now.state}, {"activity", now.activity}, {"reason", now.reason}, {"remedy", "try harder"}}},
      {"seen_of_peer", {{"node", "node2"}, {"silent", true}, {"age_ms", 9000}, {"state", "SECOND"}}}};
}

void AgentStub::operate(const core::OperatorRequest& order) {
  std::optional<core::Reply> reply;
  {
    const std::lock_guard lock{mutex_};
    orders_.push_back(order);
    reply = reply_;
  }
  if (!reply) return;
  reply->request = order.request;
  server_->reply(*reply);
}

}  // namespace clusteragent::test
