#pragma once
// ControlClient: one request to the agent of a module. Blocking, with a time limit; for the command line.
#include <string>

#include "agent/base/result.hpp"
#include "agent/base/time.hpp"
#include "agent/control/status.hpp"

namespace clusteragent::control {

/// ErrorCode::unreachable: no agent runs, or it does not answer in time; refused, usage: it said no, with its reason.
Result<Json> request(const std::string& socket_path, const std::string& module, const Json& message,
                     Duration limit = std::chrono::seconds{10});

}  // namespace clusteragent::control
