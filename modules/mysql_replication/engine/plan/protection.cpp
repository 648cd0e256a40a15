#include "modules/mysql_replication/engine/plan/protection.hpp"

#include <fmt/format.h>

#include "modules/mysql_replication/engine/plan/plan.hpp"

namespace clusteragent::mysql {
namespace {

// A tick is a look at either server: what this one had two ticks ago is there.
constexpr LookNumber near_looks_max = 4;

/// What it applies later is safe with it: a promotion drains.
bool has_received(const ServerState& standby, const ServerState& primary) {
  return standby.replica.received.joined(standby.applied).reaches(primary.executed);
}

}  // namespace

const char* text_of(Mode mode) {
  switch (mode) {
    case Mode::waiting:
      return "waiting";
    case Mode::solo:
      return "degraded";
    case Mode::joining:
      return "reintegrating";
    case Mode::both:
      return "up to date";
  }
  return "";
}

std::string attachment_problem(const View& own, const View& peer, const Endpoint& own_endpoint) {
  if (!peer.is_reachable) return "its server does not answer: " + peer.problem;
  const ReplicaStatus& replica = peer.state.replica;
  if (replica.applier_errno != 0)
    return fmt::format("its applier stopped over error {}: {}", replica.applier_errno, replica.applier_error);
  if (!is_following(replica, own_endpoint)) {
    return replica.receiver_error.empty() ? std::string{"its server does not replicate from this one"}
                                          : "its server does not receive: " + replica.receiver_error;
  }
  if (!own.state.semi_sync) return {};
  // Then it is another one that does, and the count is right by chance.
  if (!peer.state.acknowledges.value_or(true))
    return "it does not acknowledge commits: set rpl_semi_sync_slave_enabled (rpl_semi_sync_replica_enabled) ON there";
  if (own.state.semi_sync->replicas == 0) return "no replica acknowledges to this server";
  if (own.state.semi_sync->replicas > 1) {
    return fmt::format(
        "{} replicas acknowledge, so a commit is answered by whichever comes first: set "
        "rpl_semi_sync_slave_enabled (rpl_semi_sync_replica_enabled) OFF on all but the standby",
        own.state.semi_sync->replicas);
  }
  return {};
}

Protection::Outcome Protection::lose(const std::string& reason, bool is_patient) {
  Outcome outcome;
  target_.reset();
  if (mode_ == Mode::joining) mode_ = Mode::solo;
  if (mode_ == Mode::both) {
    mode_ = Mode::waiting;
    has_said_behind_ = false;
  }
  if (mode_ == Mode::waiting && !has_said_behind_ && !is_patient) {
    has_said_behind_ = true;
    outcome.behind = reason;
  }
  return outcome;
}

bool Protection::has_caught_up(const View& own, const View& peer) {
  if (own.state.semi_sync && !own.state.semi_sync->is_on) {
    target_.reset();
    return false;
  }
  if (!target_) target_ = own;
  // Without the record of its own node it would not lead, whatever it has.
  return peer.look > target_->look && has_received(peer.state, target_->state) && peer.state.is_vouched;
}

Protection::Outcome Protection::look(const View& own, const View& peer, const Endpoint& own_endpoint, bool is_patient) {
  if (!own.is_reachable) return lose("the server of this node does not answer: " + own.problem, is_patient);
  if (own.state.is_read_only) return {};
  if (const std::string problem = attachment_problem(own, peer, own_endpoint); !problem.empty())
    return lose(problem, is_patient);
  const bool has_given_up = own.state.semi_sync && !own.state.semi_sync->is_on;
  switch (mode_) {
    case Mode::both:
      return has_given_up
                 ? lose("commits no longer wait for it: somebody turned semi-synchronous replication off", false)
                 : Outcome{};
    case Mode::solo:
      // Commits would wait all the time that it needs to get what it lacks, so most of that is left behind first.
      if (!target_) target_ = own;
      if (peer.look <= target_->look || !has_received(peer.state, target_->state)) return {};
      if (peer.look - target_->look > near_looks_max) {
        target_ = own;
        return {};
      }
      target_.reset();
      mode_ = Mode::joining;
      return {};
    case Mode::joining:
      break;
    case Mode::waiting:
      // The answer to that loss is on its way. Did this one count the standby in again before it came, and lose it once
      // more, the answer would be taken for that of the second loss: commits alone, with both on record.
      if (has_said_behind_) return {};
      break;
  }
  Outcome outcome;
  if (!has_caught_up(own, peer)) return outcome;
  mode_ = Mode::both;
  has_said_behind_ = false;
  target_.reset();
  outcome.is_synced = true;
  return outcome;
}

void Protection::allow_solo() {
  if (mode_ == Mode::waiting) mode_ = Mode::solo;
}

}  // namespace clusteragent::mysql
