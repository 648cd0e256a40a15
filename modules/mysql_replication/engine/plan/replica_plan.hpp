#pragma once
// The planner of a further replica: a server beside the pair that is to replicate from whichever node leads. PURE. From
// what was seen of it and of the primary to the one next step; the caller carries it out, looks again and asks again.
//
// Rules that no answer breaks: a replica is touched only while its source is a node of this pair, and its data and its
// read_only never; one that was stopped by hand stays stopped; its applier is stopped before it is compared for good,
// so that nothing of the former primary's alone is applied behind the comparison; it follows only a server that has all
// that it has, and still has what it lacks. It must not acknowledge commits: to a commit that waits, its answer would
// count as the standby's.
#include <optional>
#include <set>
#include <string>

#include "modules/mysql_replication/engine/plan/view.hpp"

namespace clusteragent::mysql {

enum class ReplicaStep {
  none,
  stop,            // both threads
  repoint,         // from now on it replicates from this node; and start
  start,           // as it was before this engine stopped it
  start_receiver,  // which an error had ended
  cease_acknowledging,
};
const char* text_of(ReplicaStep step);

enum class ReplicaState {
  waiting,  // for a look that is under way
  following,
  repointing,
  not_reached,
  not_connected,  // this node is its source, and it gets nothing from there
  stopped,        // by hand
  applier_stopped,
  errant,
  purged,
  no_gtid,
  another_source,  // neither node of the pair, or none, or somebody took it away
  failed,          // a step did not succeed
  refused,         // it cannot be a further replica of this pair
};
const char* text_of(ReplicaState state);
/// It goes on from where it stands, now or later; any other gets its data anew, or is none of the pair's.
bool may_need_logs(ReplicaState state);

struct ReplicaPlan {
  ReplicaState state = ReplicaState::waiting;
  ReplicaStep step = ReplicaStep::none;
  std::string reason;         // of a state that is wrong, with what to do
  bool needs_purged = false;  // it takes a look at what the primary's log no longer has
};

struct ReplicaSituation {
  View replica;
  View primary;  // this node's server, which leads
  View other;    // the other node's; not reachable: nothing is known
  Endpoint primary_endpoint;
  Endpoint other_endpoint;
  std::optional<std::uint32_t> other_id;  // server_id of the other node's, as it was seen last
  std::set<std::uint32_t> sibling_ids;    // of the further replicas beside this one
  bool is_stopped_by_agent = false;       // this engine stopped it, and has not yet seen it running again
  bool has_followed = false;              // since this node leads
};

/// `primary` must be of a later look than `replica`; else it waits for one.
ReplicaPlan next_replica_step(const ReplicaSituation& situation);

/// Of a state in which somebody has to do something.
bool is_problem(ReplicaState state);

}  // namespace clusteragent::mysql
