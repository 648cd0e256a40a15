#pragma once
// Ends the TCP connections of addresses that this machine is about to give up, each with a RST to the other end. Who
// has something to send learns of the move by the answer to it; who waits for an answer would wait for ever.
//
// Stateless; kernel calls, so on a worker thread. Errors: none to act on; a kernel that cannot do it (built without
// CONFIG_INET_DIAG_DESTROY) leaves them as they are, and clients then learn by their own time limits.
#include <span>

#include "agent/base/time.hpp"
#include "agent/platform/linux/netlink.hpp"
#include "agent/vip/frames.hpp"

namespace clusteragent::vip {

/// While the addresses are still set: from one that is gone the kernel sends nothing. How many were ended; stops at
/// `limit`, because the addresses have to go. `diag`: of NETLINK_SOCK_DIAG, in the network namespace of the addresses.
std::size_t end_connections(platform::NetlinkSocket& diag, std::span<const IpAddress> addresses, Duration limit);

}  // namespace clusteragent::vip
