#include "agent/daemon/policy.hpp"

namespace clusteragent::daemon {

core::Policy make_policy(const config::ModuleConfig& module, const config::ClusterConfig& cluster, NodeId self,
                         Incarnation incarnation, const std::array<bool, core::script_kinds>& has_script) {
  core::Policy policy;
  policy.self = self;
  policy.node_names = {cluster.name_of(NodeId{0}), cluster.name_of(NodeId{1})};
  policy.pulse = module.heart.pulse;
  policy.timeout = module.heart.timeout;
  policy.restart_grace = module.heart.restart_grace;
  policy.failover = module.service.failover;
  policy.default_primary = module.service.default_primary_id;
  policy.restarts_max = module.service.maxloop;
  policy.restart_window = module.service.loop_interval;
  policy.has_vip = module.has_virtual_address();
  policy.asks_ping = module.splitbrain.ping.has_value();
  policy.has_witness = module.splitbrain.has_third_voter();
  policy.mirrors_data = module.mirrors_data();
  policy.reader.is_configured = module.has_reader_address();
  policy.reader.needs_replica = module.mysql.has_value();
  if (module.mysql) policy.reader.lag_max = module.mysql->reader_lag_limit;
  policy.config_hash = config::effective_hash(module, cluster);
  policy.incarnation = incarnation;
  policy.jitter_seed = incarnation.value();
  policy.starts_at_boot = module.service.boot == config::Boot::on;
  // Without <user> no script runs.
  if (module.user) {
    policy.start_limit = module.user->start_limit;
    policy.stop_limit = module.user->stop_limit;
    policy.force_limit = module.user->force_limit;
    policy.fence_limit = module.user->fence_limit;
    policy.has_script = has_script;
  }
  for (const config::InterfaceConfig& interface : module.interfaces) {
    if (interface.is_checked && !interface.name.empty()) policy.checked_interfaces.push_back(interface.name);
  }
  return policy;
}

}  // namespace clusteragent::daemon
