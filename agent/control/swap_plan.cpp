#include "agent/control/swap_plan.hpp"

#include <fmt/format.h>

#include "agent/control/render_parts.hpp"

namespace clusteragent::control {
namespace {

// The lag is exact to a look a second: more than that is a standby that does not keep up. Nobody could write for as
// long as it needs for that, because what it has received is applied before it leads.
constexpr std::int64_t lag_ms_max = 1500;
// Where commits can be slowed, clients go on while the standby comes closer.
constexpr std::int64_t lag_ms_max_slowed = 10'000;

struct Sides {
  std::string primary;  // names of nodes
  std::string standby;
  const Json& of_primary;  // their whole documents
  const Json& of_standby;
};

const Json& replication(const Json& document) {
  return part(document, "replication");
}

bool has_role(const Json& document, const char* role) {
  return text(replication(document), "role") == role;
}

bool can_slow(const Json& primary) {
  return truth(replication(primary), "can_slow_commits").value_or(false);
}

/// Behind all that clients wait for.
std::string replica_step(const Json& replica) {
  const std::string name =
      fmt::format("replica {} port {}", or_unknown(text(replica, "address")), number(replica, "port").value_or(0));
  const std::string state = text(replica, "state");
  return state == "following" ? fmt::format("compare the further {} with this server, and repoint it", name)
                              : fmt::format("leave the further {} as it is ({})", name, or_unknown(state));
}

std::vector<std::string> steps_of(const Sides& sides) {
  const Json& semi_sync = part(replication(sides.of_primary), "semi_sync");
  const Json& replica = part(replication(sides.of_standby), "replica");
  const std::string& from = sides.primary;
  const std::string& to = sides.standby;
  std::vector<std::string> steps;
  const auto add = [&steps](const std::string& node, const std::string& what) { steps.push_back(node + ": " + what); };
  add(from, "run stop_prim, while writes go on (it waits for open transactions where MYSQL_CLIENT_SECONDS says so)");
  if (can_slow(sides.of_primary)) {
    add(from, fmt::format("where {} is behind, let each commit wait 50 ms until it is close, 15 s at most", to));
  }
  add(from,
      fmt::format("make the server read-only: commits under way end ({} wait for the standby now), no other begins",
                  number(semi_sync, "commits_waiting").value_or(0)));
  add(from, "end every client's connection; transactions that are open are rolled back");
  if (truth(semi_sync, "is_enabled").value_or(false)) add(from, "semi-synchronous replication off");
  add(from, "give the virtual address up");
  add(to, "stop receiving");
  add(to, fmt::format("apply what was received (now {} of {}); an error of the applier ends the swap here",
                      or_unknown(text(replica, "applied")), or_unknown(text(replica, "received"))));
  add(to, "end replication and forget its source");
  add(to, "make the server writable");
  add(to, "take the virtual address, run start_prim");
  add(from, fmt::format("compare its transactions with those of {}, then replicate from there", to));
  if (!semi_sync.empty()) add(to, fmt::format("let commits wait for {} when it has everything", from));
  for (const Json& each : part(replication(sides.of_primary), "further_replicas")) add(to, replica_step(each));
  return steps;
}

std::vector<std::string> obstacles_of(const Sides& sides) {
  const Json& standby = replication(sides.of_standby);
  const Json& replica = part(standby, "replica");
  const std::string problem = text(standby, "problem");
  std::vector<std::string> found;
  if (text(standby, "server") == "not reached") {
    found.push_back(fmt::format("the server of {} is not reached: {}", sides.standby, or_unknown(problem)));
  } else if (text(standby, "state") != "following") {
    found.push_back(fmt::format("{} does not follow ({}){}", sides.standby, or_unknown(text(standby, "state")),
                                problem.empty() ? "" : ": " + problem));
  } else if (!truth(replica, "is_complete").value_or(false)) {
    found.push_back(fmt::format(
        "{} did not yet have everything at one moment since its server started; it will in a moment", sides.standby));
  }
  const std::int64_t lag_max = can_slow(sides.of_primary) ? lag_ms_max_slowed : lag_ms_max;
  if (const auto lag = number(standby, "lag_ms"); found.empty() && lag && *lag > lag_max) {
    found.push_back(fmt::format(
        "{} is {} ms behind ({} transactions): nobody could write while it catches up. Ease the load, or move the "
        "service all the same with clusteragent stop on {}",
        sides.standby, *lag, number(standby, "transactions_behind").value_or(0), sides.primary));
  }
  if (const std::string state = text(replication(sides.of_primary), "state"); state != "up to date") {
    found.push_back(fmt::format("{} does not count {} as up to date ({}): it could not take over", sides.primary,
                                sides.standby, or_unknown(state)));
  }
  return found;
}

}  // namespace

SwapPlan mysql_swap_plan(const Json& status) {
  const Json& peer = part(status, "peer_report");
  const std::string own_name = text(status, "node");
  const std::string peer_name = text(part(status, "seen_of_peer"), "node");
  if (peer.empty() || !peer.is_object()) return {{}, {fmt::format("nothing is heard of {}", or_unknown(peer_name))}};
  const bool is_here = has_role(status, "primary") && has_role(peer, "standby");
  if (!is_here && !(has_role(peer, "primary") && has_role(status, "standby"))) {
    return {{}, {"a swap needs one node as primary and the other as standby; see clusteragent status"}};
  }
  const Sides sides = is_here ? Sides{own_name, peer_name, status, peer} : Sides{peer_name, own_name, peer, status};
  return {steps_of(sides), obstacles_of(sides)};
}

}  // namespace clusteragent::control
