#pragma once
// The shell's clock: the only place that reads the time which the core is given. Safe from any thread, never fails.
#include <cstdint>

#include "agent/base/time.hpp"

namespace clusteragent::platform {

/// CLOCK_BOOTTIME: monotonic, goes on while the machine is suspended (clock_gettime(2)).
Instant boottime_now();
/// Seconds of the wall clock: for what has to hold over a reboot, such as the end of a key. Nothing that decides about
/// roles may use it: it steps.
std::int64_t unix_seconds();

}  // namespace clusteragent::platform
