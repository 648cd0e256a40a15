#pragma once
// The two configuration files, from text to values that cannot be wrong, and what is shown of them.
//
// Purpose: the door of this folder for the daemon and the command line. Ownership: values. Threads: any; nothing here
// has state. Errors: parsing reports every mistake of a file at once as diagnostics, each with its line and column; the
// value is there only when none of them is an error. Nothing here opens a socket or asks the system about itself; only
// read_file touches the disk.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/config/cluster_config.hpp"
#include "agent/config/diagnostic.hpp"
#include "agent/config/module_config.hpp"

namespace clusteragent::config {

template <typename T>
struct Parsed {
  std::optional<T> value;
  std::vector<Diagnostic> diagnostics;  // warnings only, when there is a value
};

/// A regular file of at most file_bytes_max bytes. The message names the file and the system's reason.
Result<std::string> read_file(const std::string& path);

Parsed<ClusterConfig> parse_cluster(std::string_view text, std::string_view file_name);

/// `environment` answers `%NAME%` without a macro; platform::process_environment is the one of this process.
/// Without a cluster what refers to it (heartbeat names, defaultprim, two nodes) is not checked.
Parsed<ModuleConfig> parse_module(std::string_view text, std::string_view file_name, const ClusterConfig* cluster,
                                  Environment environment = {});

/// What modules of one node take from each other: the heartbeat port, virtual addresses. Give all of them.
std::vector<Diagnostic> check_modules(std::span<const ModuleConfig> modules);

/// A heartbeat network as this node uses it. The module was parsed with the cluster (asserted).
struct HeartbeatPath {
  PathId path;
  std::string ident;
  std::string lan;
  HostAddress local;
  HostAddress peer;
  std::uint16_t port = 0;
  Duration pulse{};
  Duration timeout{};
};
std::vector<HeartbeatPath> heartbeat_paths(const ModuleConfig& module, const ClusterConfig& cluster, NodeId self);
/// The same networks in the order in which the replication tries them; asserts that the module mirrors its data.
std::vector<HeartbeatPath> replication_paths(const ModuleConfig& module, const ClusterConfig& cluster, NodeId self);
/// By which addresses a further replica reaches this node and the other one.
std::pair<HostAddress, HostAddress> replica_sources(const ModuleConfig& module, const ClusterConfig& cluster,
                                                    NodeId self, const FurtherReplicaConfig& replica);

/// One line an effective value: `heart.pulse = 700 ms  # default`.
std::string show(const ModuleConfig& module);
std::string show(const ClusterConfig& cluster);
/// The same as JSON: {"file", "values": [{"path", "value", "source", "line"}], "start_refusals": [...]}.
std::string show_json(const ModuleConfig& module);
std::string show_json(const ClusterConfig& cluster);

/// Equal on two nodes whose files mean the same, whatever their comments, blanks, order of attributes, units and
/// spelled-out defaults. Of the cluster it covers the nodes and the networks that the module uses. It does not depend
/// on the node that computes it, and a later version that adds options keeps it for files that do not use them.
std::uint64_t effective_hash(const ModuleConfig& module, const ClusterConfig& cluster);

/// userconfig/reference.md.
std::string reference_markdown();

}  // namespace clusteragent::config
