#pragma once
// ControlServer: the local socket by which the command line talks to the agent. One request a connection: a JSON object
// on one line, answered by one line (`log` is read from the file, not from here: it must be readable when the agent is
// dead, and reading files has no place on the decision thread).
//
// Requests: {"request":"status"}; {"request":"operate","verb":..,"force":..,"identity":..,"asked_by":..};
// {"request":"print","level":"I|W|E","text":..}; {"request":"reload_keys"};
// {"request":"verify","repair":..,"asked_by":..}; each may carry "node", the name of the node
// that is meant. Answers: {"ok":true,...} or {"ok":false,"code":"usage|refused","message":..}. Ownership: the daemon's;
// the io_context outlives it. Threads: the decision thread. Bounds: clients, line length and time; a client that
// exceeds one is cut off and nobody else notices. A status document is made at most once in status_age_max, however
// many clients ask: reading must not keep the decision thread from its heartbeats.
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "agent/base/result.hpp"
#include "agent/control/request.hpp"
#include "agent/control/status.hpp"
#include "agent/core/actions.hpp"
#include "agent/core/events.hpp"
#include "agent/platform/asio.hpp"

namespace clusteragent::control {

constexpr std::size_t sessions_max = 32;                 // `status --watch` of a dozen administrators, and room
constexpr auto session_time = std::chrono::seconds{10};  // from connecting to the end of the answer
constexpr auto status_age_max = std::chrono::milliseconds{10};

struct Handlers {
  std::function<Json()> status;
  std::function<void(const core::OperatorRequest&)> operate;  // answered by ControlServer::reply
  std::function<void(char level, const std::string& text)> print;
  std::function<void(RequestId)> reload_keys;                   // answered by ControlServer::reply
  std::function<void(RequestId, const VerifyRequest&)> verify;  // answered by ControlServer::reply
};

class ControlServer {
 public:
  /// Refused while another agent listens there, be it a stopped one; what a dead one left behind is replaced. The group
  /// `clusteragent` is looked up here, once: directories may be slow.
  static Result<std::unique_ptr<ControlServer>> open(boost::asio::io_context& io, const std::string& path,
                                                     Handlers handlers);
  /// Cuts off whoever is connected and removes the socket.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  /// For a client that has gone meanwhile it is dropped.
  void reply(const core::Reply& reply);

 private:
  class Impl;
  explicit ControlServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace clusteragent::control
