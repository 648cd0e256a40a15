#pragma once
// What was seen of the two servers, and what was wanted of this one: the planner's whole world. PURE, values.
#include <cstdint>
#include <optional>
#include <string>

#include "modules/mysql_replication/engine/dialect/server_state.hpp"

namespace clusteragent::mysql {

/// Looks at either server are numbered from one counter when they begin: of two looks the later one has the higher.
using LookNumber = std::uint64_t;

struct View {
  bool is_reachable = false;
  std::string problem;  // why not
  LookNumber look = 0;
  ServerState state;
  std::optional<Gtids> purged;  // what is no longer in its log; nothing: was not asked
};

struct Endpoint {
  std::string address;
  std::uint16_t port = 0;
};

/// What this node knows about the standby that its server is or was; survives the engine on disk.
///
/// A server that restarts throws its relay log away and fetches it again, so what it had acknowledged to the primary
/// may be missing until it has. It is `complete` when it had everything that its source had at one moment after its
/// start.
struct Following {
  bool has_followed = false;
  bool is_complete = false;
  std::int64_t started_at = 0;  // the server that this is said of
  LookNumber since = 0;         // not on disk: the look before it began to follow
  friend bool operator==(const Following&, const Following&) = default;
};

enum class Role { none, primary, standby };

struct Wish {
  Role role = Role::none;
  bool wants_semi_sync = false;  // of the primary
};

}  // namespace clusteragent::mysql
