#pragma once
// The two engines that mirror a module's data, as the agent starts them: file replication, which is a verb of the
// agent's own program, and that of MySQL, a program of its own, so that the agent has nothing of MySQL in it.
//
// Values; any thread. Errors: Result, written for the operator; none of these functions waits.
#include <string>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/base/time.hpp"
#include "agent/data/engine_protocol.hpp"

namespace clusteragent::data {

struct EngineProgram {
  std::string executable;
  std::vector<std::string> arguments;  // the first one is the name that a list of processes shows
  std::string name;                    // in events and in `status`
  std::string component;               // in the log
  Json configuration;                  // its first message
  std::string without;                 // what it means that the engine is gone, for the log
  Json progress_without;               // what `status` shows meanwhile
  Duration check_pause{};              // so often it is asked whether it answers; 0: never
  Duration check_limit{};              // afterwards it hangs
  Duration request_limit{};            // the same for a request of the application, if that is longer
  Duration order_limit{};              // the same for what it is told to do; 0: it has limits of its own
};

EngineProgram filesync_program(const EngineOptions& options, const std::string& agent_binary);

/// A server beside the pair, and by which addresses it reaches this node and the other one.
struct FurtherReplica {
  std::string address;
  std::uint16_t port = 0;
  std::string own_address;
  std::string peer_address;
};

/// What `clusteragent-mysql` is told first.
struct MysqlOptions {
  std::string module;
  std::string node;
  std::string state_path;  // a folder of the engine's own
  std::string own_address;
  std::string peer_address;
  std::uint16_t port = 0;
  std::string socket;
  std::string accounts_file;
  std::string data_directory;
  std::string start_command;
  std::string stop_command;
  std::string server_command;
  std::uint16_t copy_port = 0;              // TCP, between the two engines
  std::uint64_t copy_bytes_per_second = 0;  // 0: as fast as it goes
  std::vector<EngineKey> keys;
  bool has_semi_sync = true;
  bool provisions_errant = false;  // false: an operator is asked
  Duration drain_limit{};
  Duration switch_limit{};
  Duration lag_limit{};
  std::uint64_t binlog_bytes_max = 0;  // 0: nothing is purged
  std::vector<FurtherReplica> replicas;
};

/// Fails where the engine's program is missing, or others could read the accounts.
Result<EngineProgram> mysql_program(const MysqlOptions& options, const std::string& agent_binary);

/// Where `clusteragent-mysql` is: beside the agent, in the tree that it was built in, or where it is installed.
Result<std::string> find_mysql_engine(const std::string& agent_binary);

/// The passwords are for root's eyes only.
Status check_accounts_file(const std::string& path);

}  // namespace clusteragent::data
