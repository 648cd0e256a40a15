#pragma once
// <mysqlreplication>: two MySQL or MariaDB servers that replicate to each other, run by the agent.
//
// Purpose: a value that exists only when the element was free of errors, and the rules that concern more than one of
// its attributes. Ownership: values. Threads: any. Units: durations are exact, sizes in bytes. Errors: diagnostics.
#include <cstdint>
#include <string>

#include "agent/base/time.hpp"
#include "agent/config/section.hpp"

namespace clusteragent::config {

/// What is done with transactions that the primary does not have.
enum class ErrantReaction : std::uint8_t { ask, provision };

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
  std::uint64_t binlog_bytes_max = 0;  // 0: any size will do
  std::string start_command;
  std::string stop_command;
};

/// `rfs`: nullptr where the module has none.
void check_mysql_replication(const Section& replication, const Section* rfs, Diagnostics& diagnostics);
MysqlReplicationConfig build_mysql_replication(const Section& replication);

}  // namespace clusteragent::config
