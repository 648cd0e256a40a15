#pragma once
// What a server says about itself, the same for every dialect. PURE, values.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "modules/mysql_replication/engine/gtid/gtids.hpp"

namespace clusteragent::mysql {

/// One row by column name; nothing: NULL.
using Row = std::map<std::string, std::optional<std::string>>;
using Rows = std::vector<Row>;

enum class ReplicaThread { stopped, connecting, running };

struct ReplicaStatus {
  bool is_configured = false;  // it knows a source, whether or not it asks it
  std::string source_address;
  std::uint16_t source_port = 0;
  std::uint32_t source_server_id = 0;  // of the server that answered there last; 0: none did
  bool uses_gtid = false;
  bool has_channels = false;  // several, or one with a name: what is said here is of the first
  ReplicaThread receiver = ReplicaThread::stopped;
  ReplicaThread applier = ReplicaThread::stopped;
  unsigned receiver_errno = 0;
  std::string receiver_error;
  unsigned applier_errno = 0;
  std::string applier_error;
  std::optional<std::uint64_t> seconds_behind;  // nothing: unknown, which is not zero
  Gtids received;                               // in the relay log; what was acknowledged to a waiting commit
};

struct SemiSync {
  bool is_enabled = false;
  bool is_on = false;    // enabled, and it has not given up waiting
  std::string weakness;  // settings under which it would give up, as NAME = VALUE; empty: none
  std::uint64_t replicas = 0;
  std::uint64_t commits_waiting = 0;
  std::uint64_t commits_unprotected = 0;
};

struct ServerState {
  std::string version;
  std::uint32_t server_id = 0;
  bool is_read_only = false;
  Gtids executed;                      // its own log: what it committed, whoever wrote it first
  Gtids applied;                       // of what it received
  std::int64_t started_at = 0;         // by its own clock: another one after each start of the process
  std::int64_t start_tolerance_s = 0;  // by how much that may differ between two looks
  std::optional<SemiSync> semi_sync;   // nothing: the server has none
  std::optional<bool> acknowledges;    // as a replica, commits that wait; nothing: it could not
  bool is_vouched = false;             // the engine of its node has on record that this copy is complete
  ReplicaStatus replica;
  std::vector<std::string> unfit;  // settings that replication cannot do with; each says what it must be
};

}  // namespace clusteragent::mysql
