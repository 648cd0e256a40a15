#pragma once
// ControlServer: the local socket by which the command line talks to the agent. One request a connection: a JSON object
// on one line, answered by one line (`log` is read from the file, not from here).
//
// Requests: {"request":"status"}; {"request":"operate","verb":..,"force":..,"identity":..};
// {"request":"print","level":"I|E|..","text":..}. Answers: {"ok":true,...} or {"ok":false,"code":..,"message":..}.
// Ownership: the daemon's; the io_context outlives it. Threads: the decision thread. Bounds: clients, line length and
// time; a client that exceeds one is cut off and nobody else notices.
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agent/base/result.hpp"
#include "agent/control/status.hpp"
#include "agent/core/actions.hpp"
#include "agent/core/events.hpp"
#include "agent/platform/asio.hpp"

namespace clusteragent::control {

struct Handlers {
  std::function<Json()> status;
  std::function<void(const core::OperatorRequest&)> operate;  // answered by ControlServer::reply
  std::function<void(char level, const std::string& text)> print;
};

class ControlServer {
 public:
  static Result<std::unique_ptr<ControlServer>> open(boost::asio::io_context& io, const std::string& path,
                                                     Handlers handlers);
  ~ControlServer();

  void reply(const core::Reply& reply);

 private:
  struct Session;
  ControlServer(boost::asio::io_context& io, Handlers handlers);

  void accept_next();
  void handle(const std::shared_ptr<Session>& session, const std::string& line);
  void operate(const std::shared_ptr<Session>& session, const Json& request);

  boost::asio::local::stream_protocol::acceptor acceptor_;
  Handlers handlers_;
  std::map<RequestId, std::weak_ptr<Session>> pending_;
  std::uint64_t next_request_ = 1;
  std::size_t sessions_ = 0;
  std::string path_;
};

}  // namespace clusteragent::control
