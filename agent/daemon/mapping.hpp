#pragma once
// From the configuration to what each shell wants to know, and from what each shell reports to the status document.
// Pure mapping, except that names and interfaces are looked up once (blocking, before the loop runs).
#include "agent/base/result.hpp"
#include "agent/control/status.hpp"
#include "agent/daemon/setup.hpp"
#include "agent/hooks/options.hpp"
#include "agent/transport/heartbeat_transport.hpp"
#include "agent/vip/virtual_ip.hpp"
#include "agent/watch/options.hpp"

namespace clusteragent::daemon {

/// Of the virtual IP, or of the addresses for readers.
Result<vip::Options> vip_options(const config::ModuleConfig& module, bool for_readers);
hooks::Options script_options(const Setup& setup, const std::string& agent_binary);
watch::Options watch_options(const config::ErrdConfig& errd);

control::Json path_status(const transport::PathReport& report);
control::Json process_status(const watch::ProcReport& report);

}  // namespace clusteragent::daemon
