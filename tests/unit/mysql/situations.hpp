#pragma once
// Servers as the tests of the planner need them, in a few words each.
#include <string>

#include "modules/mysql_replication/engine/plan/plan.hpp"

namespace clusteragent::mysql::testing_support {

inline const Endpoint own_endpoint{"10.0.0.1", 3306};
inline const Endpoint peer_endpoint{"10.0.0.2", 3306};

inline Gtids gtids(const std::string& text) {
  return *Gtids::parse(Family::mariadb, text);
}

inline View server(std::uint32_t id, const std::string& executed, LookNumber look) {
  View view;
  view.is_reachable = true;
  view.look = look;
  view.state.server_id = id;
  view.state.is_read_only = true;
  view.state.executed = gtids(executed);
  view.state.applied = gtids(executed);
  view.state.started_at = 1000;
  view.state.semi_sync = SemiSync{};
  return view;
}

inline void replicate(View& view, const Endpoint& source, const std::string& received) {
  ReplicaStatus& replica = view.state.replica;
  replica.is_configured = replica.uses_gtid = true;
  replica.source_address = source.address;
  replica.source_port = source.port;
  replica.receiver = replica.applier = ReplicaThread::running;
  replica.received = gtids(received);
}

}  // namespace clusteragent::mysql::testing_support
