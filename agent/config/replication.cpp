#include "agent/config/replication.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "agent/base/assert.hpp"
#include "agent/config/config.hpp"

namespace clusteragent::config {
namespace {

constexpr std::string_view of_files = "rfs";
constexpr std::string_view of_mysql = "mysqlreplication";

void refuse(std::vector<StartRefusal>& refusals, std::string_view element, const std::string& what, Position at,
            std::string_view note) {
  refusals.push_back({std::string{element},
                      fmt::format("{} (line {}) is valid, but not built in this version{}{}. The module does not "
                                  "start, because it would get less than it asks for: remove it",
                                  what, at.line, note.empty() ? "" : "; ", note)});
}

void refuse_values(const Section& section, std::vector<StartRefusal>& refusals, std::string_view element) {
  for (const Value& value : section.values) {
    const bool is_wish = value.is_set() && value.text != default_value(*value.row, value.at).text;
    if (value.row->standing == Standing::stored && is_wish)
      refuse(refusals, element, name_attribute(*value.row, value.text), value.at, value.row->note);
  }
}

}  // namespace

void refuse_unbuilt_replication(const Section& rfs, std::vector<StartRefusal>& refusals) {
  refuse_values(rfs, refusals, of_files);
  const auto directories = rfs.all("replicated");
  for (const Section* directory : directories) {
    refuse_values(*directory, refusals, of_files);
    if ((*directory)["dir"].text.front() != '/')
      refuse(refusals, of_files, "a directory of Windows", directory->at, "");
  }
}

void refuse_unbuilt_mysql(const Section& mysql, std::vector<StartRefusal>& refusals) {
  refuse_values(mysql, refusals, of_mysql);
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
