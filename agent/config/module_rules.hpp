#pragma once
// Rules that concern more than one attribute, or another file.
//
// Ownership: values. Threads: any. Errors: diagnostics at the attribute that is easiest to correct; the message names
// the other one. Attributes that were wrong on their own are left alone, so that one mistake gives one message.
#include "agent/config/cluster_config.hpp"
#include "agent/config/section.hpp"

namespace clusteragent::config {

/// `service` is the <service> element; `cluster` may be nullptr.
void check_module_rules(const Section& service, const ClusterConfig* cluster, Diagnostics& diagnostics);

}  // namespace clusteragent::config
