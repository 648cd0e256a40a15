#include "agent/config/replication.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "agent/base/assert.hpp"
#include "agent/config/config.hpp"

namespace clusteragent::config {
namespace {

void refuse(std::vector<StartRefusal>& refusals, const std::string& what, Position at,
            const std::string& element = "rfs") {
  refusals.push_back({element, fmt::format("{} (line {}) is valid, but not built in this version: the module does not "
                                           "start, because it would get less than it asks for. Remove it",
                                           what, at.line)});
}

void refuse_values(const Section& section, std::vector<StartRefusal>& refusals, const std::string& element = "rfs") {
  for (const Value& value : section.values) {
    const bool is_wish = value.is_set() && value.text != default_value(*value.row, value.at).text;
    if (value.row->standing == Standing::stored && is_wish)
      refuse(refusals, name_attribute(*value.row, value.text), value.at, element);
  }
}

}  // namespace

void refuse_unbuilt_replication(const Section& rfs, std::vector<StartRefusal>& refusals) {
  refuse_values(rfs, refusals);
  const auto directories = rfs.all("replicated");
  for (const Section* directory : directories) {
    refuse_values(*directory, refusals);
    if ((*directory)["dir"].text.front() != '/') refuse(refusals, "a directory of Windows", directory->at);
  }
}

void refuse_unbuilt_mysql(const Section& mysql, std::vector<StartRefusal>& refusals) {
  refuse_values(mysql, refusals, "mysqlreplication");
}

std::pair<HostAddress, HostAddress> replica_sources(const ModuleConfig& module, const ClusterConfig& cluster,
                                                    NodeId self, const FurtherReplicaConfig& replica) {
  const std::string name = replica.lan.empty() ? replication_paths(module, cluster, self).front().lan : replica.lan;
  const Lan* const lan = cluster.find_lan(name);
  CLUSTERAGENT_ASSERT(lan != nullptr);
  const NodeId peer{static_cast<std::uint8_t>(1 - self.value())};
  return {lan->find(cluster.name_of(self))->address, lan->find(cluster.name_of(peer))->address};
}

std::vector<HeartbeatPath> replication_paths(const ModuleConfig& module, const ClusterConfig& cluster, NodeId self) {
  CLUSTERAGENT_ASSERT(module.mirrors_data());
  std::vector<HeartbeatPath> paths = heartbeat_paths(module, cluster, self);
  std::stable_sort(paths.begin(), paths.end(), [&module](const HeartbeatPath& a, const HeartbeatPath& b) {
    const std::string& flow = module.rfs ? module.rfs->flow_lan : module.mysql->lan;
    const auto is_flow = [&flow](const HeartbeatPath& path) {
      return flow.empty() ? path.ident == "flow" : path.lan == flow;
    };
    return is_flow(a) && !is_flow(b);
  });
  return paths;
}

}  // namespace clusteragent::config
