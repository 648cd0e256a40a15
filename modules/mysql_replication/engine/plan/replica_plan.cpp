#include "modules/mysql_replication/engine/plan/replica_plan.hpp"

#include <fmt/format.h>

namespace clusteragent::mysql {
namespace {

constexpr std::size_t shown_gtids_max = 120;

enum class Origin { none, this_node, other_node, elsewhere };

ReplicaPlan told(ReplicaState state, std::string reason) {
  return {state, ReplicaStep::none, std::move(reason), false};
}

bool is_mariadb(const View& view) {
  return view.state.version.find("MariaDB") != std::string::npos;
}

bool is_at(const ReplicaStatus& replica, const Endpoint& endpoint) {
  return replica.source_address == endpoint.address && replica.source_port == endpoint.port;
}

/// By address; a source that goes by a name, or by the virtual address, by the server_id that answered there.
Origin origin_of(const ReplicaSituation& s) {
  const ReplicaStatus& replica = s.replica.state.replica;
  if (!replica.is_configured) return Origin::none;
  if (is_at(replica, s.primary_endpoint)) return Origin::this_node;
  if (is_at(replica, s.other_endpoint)) return Origin::other_node;
  if (replica.source_server_id == 0) return Origin::elsewhere;
  if (replica.source_server_id == s.primary.state.server_id) {
    // Where the address went with the primary's role there is nothing to repoint.
    return replica.receiver == ReplicaThread::running ? Origin::this_node : Origin::other_node;
  }
  return replica.source_server_id == s.other_id ? Origin::other_node : Origin::elsewhere;
}

/// Why this server must not be touched at all; empty: it may be.
std::string identity_problem(const ReplicaSituation& s) {
  const ServerState& replica = s.replica.state;
  if (replica.server_id == s.primary.state.server_id || replica.server_id == s.other_id) {
    return fmt::format(
        "its server_id {} is that of a node of this module: it is that node's own server, or would skip what that node "
        "wrote. Give it another server_id, or take it out of the list",
        replica.server_id);
  }
  if (s.sibling_ids.contains(replica.server_id)) {
    return fmt::format(
        "another <replica> has the server_id {} as well: a primary serves one of the two at a time. Give one of them "
        "another server_id",
        replica.server_id);
  }
  if (replica.is_vouched)
    return "it is the standby of a pair that an agent runs: take it out of the list of one of the two modules";
  if (replica.replica.has_channels) {
    return "it replicates over several channels, or one with a name: a stop would stop them all. Only one without a "
           "name "
           "is repointed; take it out of the list";
  }
  if (is_mariadb(s.replica) != is_mariadb(s.primary)) {
    return fmt::format(
        "it is {}, and the primary is {}: MariaDB and MySQL do not replicate to each other by GTID. Take it out of the "
        "list",
        replica.version, s.primary.state.version);
  }
  return {};
}

std::string source_problem(const ReplicaSituation& s, Origin origin) {
  const ReplicaStatus& replica = s.replica.state.replica;
  const std::string remedy = fmt::format("point it to {} port {} by GTID once, or take it out of the list",
                                         s.primary_endpoint.address, s.primary_endpoint.port);
  if (origin == Origin::none) return "it has no source, so it is nobody's replica: " + remedy;
  return fmt::format("its source is {} port {}, which is neither node of this module: {}", replica.source_address,
                     replica.source_port, remedy);
}

std::string gtid_remedy(const View& replica) {
  return is_mariadb(replica)
             ? "it does not replicate by GTID (Using_Gtid must be Slave_Pos), and by file and offset it "
               "cannot go on at another server: STOP SLAVE; CHANGE MASTER TO MASTER_USE_GTID = "
               "slave_pos; START SLAVE"
             : "it does not replicate by GTID (Auto_Position must be 1), and by file and offset it "
               "cannot go on at another server: set gtid_mode and enforce_gtid_consistency to ON, then "
               "stop it, change its source to AUTO_POSITION = 1 and start it";
}

Gtids gtids_of(const ServerState& replica) {
  return replica.applied.joined(replica.executed);
}

/// Done with it; one that this engine stopped is left as it was found.
ReplicaPlan leave(const ReplicaSituation& s, ReplicaState state, std::string reason) {
  ReplicaPlan plan = told(state, std::move(reason));
  const ReplicaStatus& replica = s.replica.state.replica;
  const bool is_stopped = replica.receiver == ReplicaThread::stopped || replica.applier == ReplicaThread::stopped;
  if (s.is_stopped_by_agent && is_stopped) plan.step = ReplicaStep::start;
  return plan;
}

/// What it has of its own, and what stopped it; `following`: nothing.
ReplicaPlan plan_health(const ReplicaSituation& s) {
  const ServerState& replica = s.replica.state;
  const Gtids errant = gtids_of(replica).beyond(s.primary.state.executed);
  // Before the applier's error, which is a consequence of it.
  if (!errant.is_empty()) {
    return leave(
        s, ReplicaState::errant,
        fmt::format("it has {} transaction(s) that the primary never had, up to {}: look at them, then make its "
                    "data anew from the primary's",
                    gtids_of(replica).count_beyond(s.primary.state.executed),
                    errant.text().substr(0, shown_gtids_max)));
  }
  const ReplicaStatus& status = replica.replica;
  if (status.applier_errno != 0) {
    return told(ReplicaState::applier_stopped,
                fmt::format("its applier stopped over error {}: {}. Repair the row and start it, or make its data anew "
                            "from the primary's",
                            status.applier_errno, status.applier_error));
  }
  const bool is_stopped = status.applier == ReplicaThread::stopped ||
                          (status.receiver == ReplicaThread::stopped && status.receiver_errno == 0);
  if (is_stopped && !s.is_stopped_by_agent) {
    return told(ReplicaState::stopped,
                fmt::format("its {} is stopped, and by no error: somebody stopped it, or it does not start with its "
                            "server (skip_slave_start). It is left so; START SLAVE (START REPLICA) there",
                            status.applier == ReplicaThread::stopped ? "applier" : "receiver"));
  }
  return told(ReplicaState::following, {});
}

/// Whether the primary's log still has what it lacks; `following`: it has.
ReplicaPlan plan_logs(const ReplicaSituation& s) {
  if (!s.primary.purged) {
    ReplicaPlan plan = told(ReplicaState::repointing, {});
    plan.needs_purged = true;
    return plan;
  }
  const Gtids has = gtids_of(s.replica.state);
  if (has.reaches(*s.primary.purged)) return told(ReplicaState::following, {});
  return leave(s, ReplicaState::purged,
               fmt::format("the primary has purged binary logs up to {}, and it has {}: make its data anew from the "
                           "primary's",
                           s.primary.purged->text().substr(0, shown_gtids_max), has.text().substr(0, shown_gtids_max)));
}

ReplicaPlan plan_at_this_node(const ReplicaSituation& s) {
  const ReplicaStatus& status = s.replica.state.replica;
  const bool is_stopped = status.receiver == ReplicaThread::stopped || status.applier == ReplicaThread::stopped;
  if (is_stopped && s.is_stopped_by_agent) return {ReplicaState::repointing, ReplicaStep::start, {}, false};
  if (status.receiver == ReplicaThread::running) return told(ReplicaState::following, {});
  const std::string why = status.receiver_error.empty() ? std::string{"it does not reach this node's server"}
                                                        : fmt::format("it gets nothing from this node: error {}: {}",
                                                                      status.receiver_errno, status.receiver_error);
  if (status.receiver == ReplicaThread::connecting) return told(ReplicaState::not_connected, why);
  if (ReplicaPlan logs = plan_logs(s); logs.state == ReplicaState::purged || logs.needs_purged) return logs;
  return {ReplicaState::not_connected, ReplicaStep::start_receiver, why, false};
}

ReplicaPlan plan_at_other_node(const ReplicaSituation& s) {
  const bool is_other_standby = s.other.is_reachable && s.other.state.is_read_only;
  if (s.other.is_reachable && !is_other_standby)
    return leave(s, ReplicaState::waiting, "both nodes take writes: it is repointed when only one of them does");
  if (s.has_followed && !is_other_standby) {
    return leave(s, ReplicaState::another_source,
                 fmt::format("it was taken from this node, which leads, and has {} port {} as its source: is that a "
                             "second primary? It is repointed when the other node is seen as standby",
                             s.replica.state.replica.source_address, s.replica.state.replica.source_port));
  }
  if (ReplicaPlan logs = plan_logs(s); logs.state != ReplicaState::following) return logs;
  const ReplicaStatus& status = s.replica.state.replica;
  const bool is_stopped = status.receiver == ReplicaThread::stopped && status.applier == ReplicaThread::stopped;
  return {ReplicaState::repointing, is_stopped ? ReplicaStep::repoint : ReplicaStep::stop, {}, false};
}

}  // namespace

const char* text_of(ReplicaStep step) {
  switch (step) {
    case ReplicaStep::none:
      return "nothing";
    case ReplicaStep::stop:
      return "stop its replication";
    case ReplicaStep::repoint:
      return "repoint it to this node";
    case ReplicaStep::start:
      return "start its replication again";
    case ReplicaStep::start_receiver:
      return "start its receiver again";
    case ReplicaStep::cease_acknowledging:
      return "turn its semi-synchronous replication off";
  }
  return "";
}

bool may_need_logs(ReplicaState state) {
  switch (state) {
    case ReplicaState::errant:
    case ReplicaState::purged:
    case ReplicaState::no_gtid:
    case ReplicaState::another_source:
    case ReplicaState::refused:
      return false;
    default:
      return true;
  }
}

const char* text_of(ReplicaState state) {
  switch (state) {
    case ReplicaState::waiting:
      return "waiting";
    case ReplicaState::following:
      return "following";
    case ReplicaState::repointing:
      return "repointing";
    case ReplicaState::not_reached:
      return "not reached";
    case ReplicaState::not_connected:
      return "not connected";
    case ReplicaState::stopped:
      return "stopped";
    case ReplicaState::applier_stopped:
      return "applier stopped";
    case ReplicaState::errant:
      return "errant transactions";
    case ReplicaState::purged:
      return "logs purged";
    case ReplicaState::no_gtid:
      return "no GTID";
    case ReplicaState::another_source:
      return "another source";
    case ReplicaState::failed:
      return "not repointed";
    case ReplicaState::refused:
      return "refused";
  }
  return "";
}

bool is_problem(ReplicaState state) {
  return state != ReplicaState::waiting && state != ReplicaState::following && state != ReplicaState::repointing;
}

ReplicaPlan next_replica_step(const ReplicaSituation& s) {
  if (!s.replica.is_reachable) return told(ReplicaState::not_reached, s.replica.problem);
  if (!s.primary.is_reachable || s.primary.state.is_read_only || s.primary.look <= s.replica.look)
    return told(ReplicaState::waiting, {});
  if (const std::string problem = identity_problem(s); !problem.empty()) return told(ReplicaState::refused, problem);
  const Origin origin = origin_of(s);
  if (origin == Origin::none || origin == Origin::elsewhere)
    return told(ReplicaState::another_source, source_problem(s, origin));
  if (s.replica.state.acknowledges.value_or(false)) {
    return {ReplicaState::refused, ReplicaStep::cease_acknowledging,
            "it acknowledges commits (semi-synchronous replication), in the place of the standby, which may not have "
            "them: this is turned off there now; take rpl_semi_sync_slave_enabled (rpl_semi_sync_replica_enabled) out "
            "of its option file",
            false};
  }
  if (!s.replica.state.replica.uses_gtid) return leave(s, ReplicaState::no_gtid, gtid_remedy(s.replica));
  if (ReplicaPlan health = plan_health(s); health.state != ReplicaState::following) return health;
  return origin == Origin::this_node ? plan_at_this_node(s) : plan_at_other_node(s);
}

}  // namespace clusteragent::mysql
