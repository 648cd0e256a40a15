#pragma once
// The shell's clock: the only place that reads the time which the core is given. Safe from any thread, never fails.
#include "agent/base/time.hpp"

namespace clusteragent::platform {

/// CLOCK_BOOTTIME: monotonic, goes on while the machine is suspended (clock_gettime(2)).
Instant boottime_now();

}  // namespace clusteragent::platform
