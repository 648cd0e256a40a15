#include "modules/mysql_replication/engine/plan/plan.hpp"

#include <fmt/format.h>

#include <cstdlib>

namespace clusteragent::mysql {
namespace {

constexpr std::size_t shown_gtids_max = 200;

Plan wait(std::string reason) {
  return {Verdict::wait, Step::none, std::move(reason)};
}

Plan failed(std::string reason) {
  return {Verdict::failed, Step::none, std::move(reason)};
}

Plan step(Step one) {
  return {Verdict::step, one, {}};
}

bool is_same_life(const Following& following, const ServerState& own) {
  return std::abs(following.started_at - own.started_at) <= own.start_tolerance_s;
}

bool has_source(const ReplicaStatus& replica, const Endpoint& peer) {
  return replica.is_configured && replica.uses_gtid && replica.source_address == peer.address &&
         replica.source_port == peer.port;
}

std::string applier_problem(const ReplicaStatus& replica) {
  return fmt::format("error {}: {}", replica.applier_errno, replica.applier_error);
}

Plan plan_drain(const Situation& s) {
  const ReplicaStatus& replica = s.own.state.replica;
  const bool is_drained = s.own.state.applied.reaches(replica.received);
  if (replica.applier_errno != 0) {
    return failed(
        fmt::format("this server stopped applying what it received over {}; a promotion would lose what comes "
                    "behind it. Mend the data and START the applier, or let the other server lead",
                    applier_problem(replica)));
  }
  if (!is_certain(s.following, s.own.state)) {
    return failed(
        fmt::format("this server was restarted while it followed, or never caught up: it may lack commits that "
                    "were acknowledged. Start the other node, which has them; to lead with this copy as it is, "
                    "remove {}",
                    s.certainty_path));
  }
  if (!replica.is_configured) return {Verdict::done, Step::none, {}};
  if (replica.receiver != ReplicaThread::stopped) return step(Step::stop_receiver);
  if (is_drained) return step(Step::forget_source);
  if (replica.applier == ReplicaThread::stopped) {
    return failed(
        fmt::format("somebody stopped the applier at {} while {} was received: START it (SQL_THREAD alone, the "
                    "other one would throw the relay log away) and try again",
                    s.own.state.applied.text(), replica.received.text()));
  }
  if (s.is_drain_over) {
    return failed(
        fmt::format("this server had applied {} of {} received when the time for it had run out; it goes on "
                    "applying: try again, or allow more time (drain limit)",
                    s.own.state.applied.text(), replica.received.text()));
  }
  return wait(
      fmt::format("it applies what it received: {} of {}", s.own.state.applied.text(), replica.received.text()));
}

Plan plan_primary(const Situation& s) {
  const ServerState& own = s.own.state;
  if (!own.unfit.empty()) return failed(own.unfit.front());
  if (s.is_copy_new) {
    return failed(
        "this server's data are a copy of the other one's that never followed it: start the other node, which has "
        "everything");
  }
  if (own.is_read_only || own.replica.is_configured || !is_certain(s.following, own)) {
    const Plan drain = plan_drain(s);
    if (drain.verdict != Verdict::done) return drain;
  }
  if (own.semi_sync && own.semi_sync->is_enabled != s.wish.wants_semi_sync)
    return step(s.wish.wants_semi_sync ? Step::semi_sync_on : Step::semi_sync_off);
  // Set by hand: it would give up waiting, and answer what the standby does not have.
  if (own.semi_sync && s.wish.wants_semi_sync && !own.semi_sync->weakness.empty()) return step(Step::semi_sync_on);
  if (own.is_read_only) return step(Step::make_writable);
  return {Verdict::done, Step::none, {}};
}

Plan plan_fence(const Situation& s) {
  const ServerState& own = s.own.state;
  if (!own.is_read_only) return step(Step::fence);
  if (!own.semi_sync || !own.semi_sync->is_enabled) return {Verdict::done, Step::none, {}};
  // Off would answer the commits that wait as if the standby had them.
  return step(own.semi_sync->commits_waiting > 0 ? Step::fence : Step::semi_sync_off);
}

/// What this server has of its own: nothing to say (done), or why it must not follow.
Plan compare(const Situation& s) {
  const ServerState& own = s.own.state;
  const ServerState& peer = s.peer.state;
  const Gtids errant = own.executed.beyond(peer.executed);
  if (errant.is_empty()) return {Verdict::done, Step::none, {}};
  return {Verdict::errant, Step::none,
          fmt::format("this server has {} transaction(s) that the primary never had, up to {}",
                      own.executed.count_beyond(peer.executed), errant.text().substr(0, shown_gtids_max))};
}

/// Before replication starts; done: it may.
Plan plan_check(const Situation& s) {
  if (!s.peer.is_reachable)
    return wait("the primary's server does not answer, and nothing starts before it was compared: " + s.peer.problem);
  if (s.peer.look <= s.own.look || !s.peer.purged) return wait("the primary's server is being looked at");
  if (s.peer.state.server_id == s.own.state.server_id) {
    return failed(
        fmt::format("both servers have server_id {}: a standby skips events with its own id, without a word. "
                    "Give one of them another server_id",
                    s.own.state.server_id));
  }
  // What it has received and not applied would look like transactions of this server alone.
  if (s.peer.state.is_read_only) return wait("the other server does not lead yet");
  if (Plan compared = compare(s); compared.verdict != Verdict::done) return compared;
  if (!s.own.state.applied.joined(s.own.state.executed).reaches(*s.peer.purged)) {
    return {Verdict::purged, Step::none,
            fmt::format("the primary has purged binary logs up to {}, this server has {}",
                        s.peer.purged->text().substr(0, shown_gtids_max),
                        s.own.state.applied.text().substr(0, shown_gtids_max))};
  }
  return {Verdict::done, Step::none, {}};
}

Plan plan_following(const Situation& s) {
  const ReplicaStatus& replica = s.own.state.replica;
  // First, because the next transaction of the primary's stops the applier over it: that is a consequence.
  if (s.peer.is_reachable && s.peer.look > s.own.look) {
    if (Plan compared = compare(s); compared.verdict != Verdict::done) return compared;
  }
  if (replica.applier_errno != 0)
    return {Verdict::diverged, Step::none, "the applier stopped over " + applier_problem(replica)};
  // Its source answers, so what it had acknowledged is there as well.
  if (replica.applier == ReplicaThread::stopped) return step(Step::start_applier);
  if (replica.receiver == ReplicaThread::connecting)
    return wait(fmt::format("it does not reach the primary: {}", replica.receiver_error));
  // What the primary counts on is what `plan_drain` goes by when the primary is dead.
  const bool is_complete = s.following.has_followed && is_certain(s.following, s.own.state);
  if (is_complete != s.own.state.is_vouched) return step(is_complete ? Step::vouch : Step::unvouch);
  return {Verdict::done, Step::none, {}};
}

Plan plan_standby(const Situation& s) {
  if (Plan fence = plan_fence(s); fence.verdict != Verdict::done) return fence;
  if (!s.own.state.unfit.empty()) return failed(s.own.state.unfit.front());
  if (s.is_copy_new) return step(Step::adopt);
  const ReplicaStatus& replica = s.own.state.replica;
  const bool is_same = has_source(replica, s.peer_endpoint);
  if (is_same && replica.receiver != ReplicaThread::stopped) return plan_following(s);
  if (Plan check = plan_check(s); check.verdict != Verdict::done) return check;
  if (is_same && replica.applier == ReplicaThread::running) return step(Step::start_receiver);
  // With both threads stopped a start throws the relay log away, as repointing does.
  return step(s.own.state.is_vouched ? Step::unvouch : Step::follow_peer);
}

}  // namespace

const char* text_of(Step one) {
  switch (one) {
    case Step::none:
      return "nothing";
    case Step::fence:
      return "make it read-only and end its clients' connections";
    case Step::semi_sync_on:
      return "let commits wait for the standby";
    case Step::semi_sync_off:
      return "let commits be answered by this server alone";
    case Step::stop_receiver:
      return "stop receiving";
    case Step::start_receiver:
      return "receive again";
    case Step::start_applier:
      return "apply again";
    case Step::forget_source:
      return "end replication and forget its source";
    case Step::make_writable:
      return "make it writable";
    case Step::follow_peer:
      return "replicate from the other server";
    case Step::vouch:
      return "say that this copy is complete";
    case Step::unvouch:
      return "no longer say that this copy is complete";
    case Step::adopt:
      return "take over the position of the copied data";
  }
  return "";
}

bool is_certain(const Following& following, const ServerState& own) {
  if (!following.has_followed) return true;
  return following.is_complete && is_same_life(following, own);
}

bool is_following(const ReplicaStatus& replica, const Endpoint& peer) {
  return has_source(replica, peer) && replica.receiver == ReplicaThread::running &&
         replica.applier == ReplicaThread::running;
}

Following follow_anew(const View& own) {
  return {true, false, own.state.started_at, own.look};
}

Following followed(Following known, const View& own, const View& peer, const Endpoint& peer_endpoint) {
  if (!own.is_reachable) return known;
  // One that only waits for the other to lead has all that it had as the primary.
  if (!known.has_followed && !has_source(own.state.replica, peer_endpoint)) return known;
  if (!known.has_followed || !is_same_life(known, own.state)) known = follow_anew(own);
  const bool is_newer = peer.is_reachable && peer.look > known.since && own.look > peer.look;
  if (is_newer && is_following(own.state.replica, peer_endpoint) &&
      own.state.replica.received.joined(own.state.applied).reaches(peer.state.executed))
    known.is_complete = true;
  return known;
}

Plan lasting(const Plan& before, Plan now, const View& own, const View& peer) {
  if (!own.is_reachable || !peer.is_reachable || peer.look > own.look) return now;
  const bool is_errant = before.verdict == Verdict::errant;
  if (now.verdict == Verdict::wait && (is_errant || before.verdict == Verdict::purged)) return before;
  const bool is_running = now.verdict == Verdict::done || now.verdict == Verdict::diverged;
  return is_errant && is_running ? before : std::move(now);
}

Plan next_step(const Situation& s) {
  if (!s.own.is_reachable) return wait("the server of this node does not answer: " + s.own.problem);
  switch (s.wish.role) {
    case Role::primary:
      return plan_primary(s);
    case Role::standby:
      return plan_standby(s);
    case Role::none:
      return plan_fence(s);
  }
  return wait("");
}

}  // namespace clusteragent::mysql
