#pragma once
// cluster.xml: the nodes and the networks that connect them.
//
// Purpose: a value that exists only when the file was free of errors. Ownership: values. Threads: any.
// Source: SafeKit's User's Guide 8.2, §12. Membership attributes of SafeKit are accepted and have no effect.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/ids.hpp"
#include "agent/base/result.hpp"
#include "agent/config/address.hpp"
#include "agent/config/section.hpp"

namespace clusteragent::config {

struct LanNode {
  std::string node;
  HostAddress address;        // by which the other node reaches it
  HostAddress local_address;  // to which it binds; differs from `address` behind a NAT only
};

struct Lan {
  std::string name;
  std::vector<LanNode> nodes;

  const LanNode* find(std::string_view node) const;
};

struct ClusterConfig {
  std::string file;
  std::vector<std::string> nodes;  // in the order of their first mention; the index is the NodeId
  std::vector<Lan> lans;
  Section effective;

  const Lan* find_lan(std::string_view name) const;
  std::optional<NodeId> find_node(std::string_view name) const;
  const std::string& name_of(NodeId node) const { return nodes.at(node.value()); }
};

/// What a machine knows about itself, read by the caller: this folder asks no system.
struct MachineIdentity {
  std::string wanted_node;  // of --node; empty: not given
  std::string host_name;    // a domain after it does not matter
  std::vector<IpAddress> local_addresses;
};

/// Which node of the file this machine is: --node, else the host name, else the node one of whose addresses is local.
/// Two candidates are an error, because a guess would make two machines the same node.
Result<NodeId> own_node(const ClusterConfig& cluster, const MachineIdentity& machine);

}  // namespace clusteragent::config
