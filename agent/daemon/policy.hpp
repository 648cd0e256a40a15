#pragma once
// From the validated configuration to what the core decides with. Pure mapping; the scripts that exist are passed in.
#include <array>

#include "agent/config/config.hpp"
#include "agent/core/types.hpp"

namespace clusteragent::daemon {

core::Policy make_policy(const config::ModuleConfig& module, const config::ClusterConfig& cluster, NodeId self,
                         Incarnation incarnation, const std::array<bool, core::script_kinds>& has_script);

}  // namespace clusteragent::daemon
