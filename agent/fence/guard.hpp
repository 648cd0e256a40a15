#pragma once
// The guard: a process of its own that outlives the agent by the moment that matters.
//
// Purpose: when the agent dies it mutes and removes the virtual addresses, stops the application by force and tells the
// peer that it may take over; when the agent stands still past its permit it removes the addresses, and after a longer
// time stops the application as well. Where it was given a watchdog device it feeds that as long as all this is so.
// It knows nothing about netlink, nftables, scripts or keys: the agent hands it ready-made messages while all is well.
// Memory: locked, no heap, static buffers, so that it works when the machine is out of memory. One thread.
// Errors: a line on standard error and, while the agent lives, a report to it; it never gives up half-way. The release
// is sent only when everything before it succeeded, because the peer acts on it at once.
#include "agent/fence/guard_watchdog.hpp"

namespace clusteragent::fence {

/// The life of a guard whose agent is at the other end of `descriptor`; once a process. Returns its exit code.
int run_guard(int descriptor, const WatchdogCalls& watchdog = system_watchdog());

}  // namespace clusteragent::fence
