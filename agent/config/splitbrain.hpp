#pragma once
// <check><splitbrain>: who decides when the two nodes do not hear each other. One of three: our own witness, etcd, or
// ping targets, told apart by `exec`.
//
// Purpose: values that exist only when the section was free of errors, and the rules that concern more than one of its
// attributes. Ownership: values. Threads: any. Errors: diagnostics. Source: SafeKit's User's Guide 8.2, 13.18 (ping);
// docs/witness.md (the others).
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/address.hpp"
#include "agent/config/cluster_config.hpp"
#include "agent/config/section.hpp"

namespace clusteragent::config {

/// exec="witness": `clusteragent witness` on a third machine.
struct WitnessConfig {
  std::string ident;
  IpAddress address;
  std::uint16_t port = 0;
};

struct EtcdEndpoint {
  std::string url;  // as written
  IpAddress address;
  std::uint16_t port = 0;
  bool is_secure = false;

  /// `http://ADDRESS:PORT` or `https://ADDRESS:PORT`, an IPv6 address in brackets.
  static std::optional<EtcdEndpoint> parse(std::string_view url);
};

/// exec="etcd"
struct EtcdConfig {
  std::string ident;
  std::vector<EtcdEndpoint> endpoints;
  std::string prefix;            // without a slash at its end
  std::string ca_file;           // empty: what the system trusts
  std::string certificate_file;  // empty: none
  std::string key_file;
  std::string user_file;  // empty: none
};

/// exec="ping"
struct PingConfig {
  std::string ident;
  std::vector<IpAddress> targets;
};

/// One element of the three is there, or none.
struct SplitbrainConfig {
  std::optional<WitnessConfig> witness;
  std::optional<EtcdConfig> etcd;
  std::optional<PingConfig> ping;

  /// Never two primaries: a third voter gives its vote to one node only.
  bool has_third_voter() const { return witness.has_value() || etcd.has_value(); }
};

/// `timeout`: of <heart>; nullptr where that is wrong itself. `cluster`: nullptr where cluster.xml is not known.
void check_splitbrain(const Section& splitbrain, const Value* timeout, const ClusterConfig* cluster,
                      Diagnostics& diagnostics);
SplitbrainConfig build_splitbrain(const Section& splitbrain);

}  // namespace clusteragent::config
