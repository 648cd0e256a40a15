#include "agent/config/cluster_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "agent/base/assert.hpp"
#include "agent/config/config.hpp"

namespace clusteragent::config {
namespace {

class ClusterBuilder {
 public:
  explicit ClusterBuilder(Diagnostics& diagnostics) : diagnostics_{diagnostics} {}

  ClusterConfig build(Section root) {
    if (const Section* lans = root.find("lans")) {
      for (const Section* lan : lans->all("lan")) add_lan(*lan);
    }
    cluster_.file = diagnostics_.file();
    cluster_.effective = std::move(root);
    return std::move(cluster_);
  }

 private:
  void add_lan(const Section& section) {
    const Value& name = section["name"];
    if (name.is_valid && cluster_.find_lan(name.text) != nullptr) report_repeated(name);
    Lan lan;
    lan.name = name.text;
    for (const Section* node : section.all("node")) add_node(*node, lan);
    cluster_.lans.push_back(std::move(lan));
  }

  void add_node(const Section& section, Lan& lan) {
    const Value& name = section["name"];
    const Value& addr = section["addr"];
    const Value& laddr = section["laddr"];
    if (name.is_valid && lan.find(name.text) != nullptr) report_repeated(name);
    for (const Value* value : {&addr, &laddr}) advise_address(*value);
    if (!name.is_valid || !addr.is_valid || !laddr.is_valid) return;
    if (!cluster_.find_node(name.text)) cluster_.nodes.push_back(name.text);
    const auto address = HostAddress::parse(addr.text);
    const auto local = HostAddress::parse(laddr.text);
    CLUSTERAGENT_ASSERT(address && local);
    check_against(lan, *address, addr);
    lan.nodes.push_back({name.text, *address, *local});
  }

  void check_against(const Lan& lan, const HostAddress& address, const Value& addr) {
    for (const LanNode& other : lan.nodes) {
      if (other.address == address) {
        diagnostics_.error(
            addr.at,
            fmt::format("{} is the address of node \"{}\", too", name_attribute(*addr.row, addr.text), other.node),
            {addr.text, {}, {}});
      } else if (other.address.ip() && address.ip() && other.address.ip()->is_v4() != address.ip()->is_v4()) {
        diagnostics_.error(addr.at,
                           fmt::format("{} is of another family than {} of node \"{}\": the nodes of a <lan> "
                                       "must all have IPv4 or all have IPv6 addresses",
                                       name_attribute(*addr.row, addr.text), other.address.text(), other.node),
                           {addr.text, {}, {}});
      }
    }
    if (address.ip() && (address.ip()->is_unspecified() || address.ip()->is_multicast())) {
      diagnostics_.error(addr.at,
                         fmt::format("{} cannot be the address of a node", name_attribute(*addr.row, addr.text)),
                         {addr.text, {}, {}});
    }
  }

  void advise_address(const Value& value) {
    if (!value.is_set() || !value.is_valid) return;
    const auto host = HostAddress::parse(value.text);
    if (host && host->ip()) return;
    diagnostics_.warning(value.at,
                         fmt::format("{} is a name: it has to be resolved while the agent starts; an IP address "
                                     "always works",
                                     name_attribute(*value.row, value.text)),
                         {value.text, {}, {}});
  }

  void report_repeated(const Value& name) {
    diagnostics_.error(name.at, fmt::format("{} stands there a second time", name_attribute(*name.row, name.text)),
                       {name.text, {}, {}});
  }

  Diagnostics& diagnostics_;
  ClusterConfig cluster_;
};

std::string_view short_name(std::string_view host) {
  return host.substr(0, host.find('.'));
}

Result<NodeId> only_candidate(const ClusterConfig& cluster, const std::set<NodeId>& candidates, std::string_view by) {
  if (candidates.size() == 1) return *candidates.begin();
  std::vector<std::string> names;
  names.reserve(candidates.size());
  for (const NodeId node : candidates) names.push_back(cluster.name_of(node));
  return Error{ErrorCode::configuration,
               fmt::format("{}: by its {} this machine could be any of {}; say which with --node NAME", cluster.file,
                           by, fmt::join(names, ", "))};
}

}  // namespace

const LanNode* Lan::find(std::string_view node) const {
  const auto found = std::find_if(nodes.begin(), nodes.end(), [&](const LanNode& other) { return other.node == node; });
  return found == nodes.end() ? nullptr : &*found;
}

const Lan* ClusterConfig::find_lan(std::string_view name) const {
  const auto found = std::find_if(lans.begin(), lans.end(), [&](const Lan& lan) { return lan.name == name; });
  return found == lans.end() ? nullptr : &*found;
}

std::optional<NodeId> ClusterConfig::find_node(std::string_view name) const {
  const auto found = std::find(nodes.begin(), nodes.end(), name);
  if (found == nodes.end()) return std::nullopt;
  return NodeId{static_cast<std::uint8_t>(found - nodes.begin())};
}

Result<NodeId> own_node(const ClusterConfig& cluster, const MachineIdentity& machine) {
  if (!machine.wanted_node.empty()) {
    if (const auto node = cluster.find_node(machine.wanted_node)) return *node;
    return Error{ErrorCode::configuration,
                 fmt::format("{} has no node \"{}\" (asked for with --node); it has {}", cluster.file,
                             machine.wanted_node, fmt::join(cluster.nodes, ", "))};
  }
  if (const auto node = cluster.find_node(machine.host_name)) return *node;
  std::set<NodeId> by_name;
  std::set<NodeId> by_address;
  const auto is_local = [&](const HostAddress& address) {
    const auto& local = machine.local_addresses;
    return address.ip() && std::find(local.begin(), local.end(), *address.ip()) != local.end();
  };
  for (const std::string& name : cluster.nodes) {
    const NodeId node = *cluster.find_node(name);
    if (!machine.host_name.empty() && short_name(name) == short_name(machine.host_name)) by_name.insert(node);
    for (const Lan& lan : cluster.lans) {
      const LanNode* entry = lan.find(name);
      if (entry != nullptr && (is_local(entry->address) || is_local(entry->local_address))) by_address.insert(node);
    }
  }
  if (!by_name.empty()) return only_candidate(cluster, by_name, "host name");
  if (!by_address.empty()) return only_candidate(cluster, by_address, "addresses");
  return Error{
      ErrorCode::configuration,
      fmt::format("{}: none of the nodes {} has this machine's host name \"{}\" or one of its addresses; correct "
                  "the file or say which node it is with --node NAME",
                  cluster.file, fmt::join(cluster.nodes, ", "), machine.host_name)};
}

Parsed<ClusterConfig> parse_cluster(std::string_view text, std::string_view file_name) {
  Diagnostics diagnostics{std::string{file_name}};
  Parsed<ClusterConfig> parsed;
  const auto nothing = [](const std::string&) -> std::optional<std::string> { return std::nullopt; };
  if (const auto document = read_document(text, diagnostics)) {
    auto root = read_root(*document, "cluster", nothing, diagnostics);
    if (root) parsed.value = ClusterBuilder{diagnostics}.build(std::move(*root));
  }
  if (diagnostics.has_errors()) parsed.value.reset();
  parsed.diagnostics = diagnostics.take();
  return parsed;
}

}  // namespace clusteragent::config
