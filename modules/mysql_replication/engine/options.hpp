#pragma once
// What `configure` carries. A value, read once.
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/data/filesync/wire/channel.hpp"

namespace clusteragent::mysql {

using Json = nlohmann::json;

/// A server beside the pair that is to replicate from whichever node leads.
struct FurtherReplicaOptions {
  std::string address;
  std::uint16_t port = 0;
  std::string own_address;  // by which it reaches this node
  std::string peer_address;
};

struct Options {
  std::string module;
  std::string node;
  std::string state_path;  // a folder of the engine's own
  std::string own_address;
  std::string peer_address;
  std::uint16_t port = 0;
  std::uint16_t peer_port = 0;  // the same unless both servers are on one machine
  std::string socket;
  std::string user_file;
  bool has_semi_sync = true;
  std::chrono::nanoseconds drain_limit{};
  std::chrono::nanoseconds switch_limit{};
  std::chrono::milliseconds lag_limit{};  // 0: however far the standby is behind
  std::uint64_t binlog_bytes_max = 0;     // 0: nothing is purged
  std::vector<FurtherReplicaOptions> replicas;
  // Of a copy of the primary's data
  bool provisions_errant = false;
  std::uint16_t copy_port = 0;  // where the engines reach each other; TCP
  std::vector<filesync::SharedKey> keys;
  std::uint64_t copy_bytes_per_second = 0;  // 0: as fast as it goes
  std::string data_directory;
  std::string start_command;
  std::string stop_command;
  std::string server_command;  // the server's program, for a server of the engine's own; empty: by family, from PATH
};

/// Errors: the field that is missing or of the wrong kind.
Result<Options> read_options(const Json& json);
/// Of `keys` in configure, and of the order keys.
std::vector<filesync::SharedKey> read_keys(const Json& json);

}  // namespace clusteragent::mysql
