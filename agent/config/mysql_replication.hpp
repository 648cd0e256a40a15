#pragma once
// <mysqlreplication>: two MySQL or MariaDB servers that replicate to each other, run by the agent.
//
// Purpose: a value that exists only when the element was free of errors, and the rules that concern more than one of
// its attributes. Ownership: values. Threads: any. Units: durations are exact, sizes in bytes. Errors: diagnostics.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/time.hpp"
#include "agent/config/cluster_config.hpp"
#include "agent/config/section.hpp"

namespace clusteragent::config {

/// What is done with transactions that the primary does not have.
enum class ErrantReaction : std::uint8_t { ask, provision };

/// A server beside the pair that follows the primary.
struct FurtherReplicaConfig {
  std::string address;
  std::uint16_t port = 0;
  std::string lan;  // empty: that of the replication
};

struct MysqlReplicationConfig {
  std::string accounts_file;
  std::string socket;
  std::uint16_t port = 0;
  std::string lan;  // empty: the heartbeat with ident "flow", else the first
  std::string data_directory;
  bool has_semi_sync = true;
  ErrantReaction errant = ErrantReaction::ask;
  Duration drain_limit{};
  Duration switch_limit{};
  Duration lag_limit{};
  Duration reader_lag_limit{};
  std::uint64_t binlog_bytes_max = 0;                    // 0: nothing is purged
  std::uint64_t provision_kilobytes_per_second_max = 0;  // 0: as fast as it goes
  std::optional<std::chrono::minutes> verify_at;         // since local midnight
  std::string start_command;
  std::string stop_command;
  std::vector<FurtherReplicaConfig> replicas;
  std::string server_command;  // empty: by the family of the servers
};

/// `service`: the element around it; `cluster`: nullptr where it is not known.
void check_mysql_replication(const Section& replication, const Section& service, const ClusterConfig* cluster,
                             Diagnostics& diagnostics);
MysqlReplicationConfig build_mysql_replication(const Section& replication);

}  // namespace clusteragent::config
