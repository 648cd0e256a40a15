#pragma once
// What the agent knows of the watchdog device before its guard opens it. The guard's part is guard_watchdog.hpp.
//
// Pure but for one look at the file system: opening the device would start its countdown.
#include <chrono>
#include <string>

#include "agent/base/result.hpp"
#include "agent/base/time.hpp"

namespace clusteragent::fence {

/// Whole seconds, as drivers count: longer than the longest patience that the guard has with its agent, and 10 s more
/// for a machine that is busy.
std::chrono::seconds watchdog_timeout(Duration heartbeat_timeout);

/// Is there a character device? Not whether it is a watchdog: the guard finds that out.
Status check_watchdog(const std::string& device);

}  // namespace clusteragent::fence
