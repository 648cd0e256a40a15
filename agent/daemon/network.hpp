#pragma once
// What the machine's own interfaces say, read once at start. Blocking (name resolution); not for the decision thread.
#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/config/config.hpp"

namespace clusteragent::daemon {

/// Addresses of this machine's interfaces.
std::vector<config::IpAddress> local_addresses();
std::string host_name();
/// The interface one of whose networks contains the address; empty: none has.
std::string interface_of(const config::IpAddress& address);
/// The address itself, or what the resolver says of the name.
Result<config::IpAddress> resolve(const config::HostAddress& host);

}  // namespace clusteragent::daemon
