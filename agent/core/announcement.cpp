#include "agent/core/announcement.hpp"

#include <algorithm>

#include "agent/core/machine.hpp"
#include "agent/core/names.hpp"

namespace clusteragent::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A secondary writes its promise to disk before it says it.
constexpr Duration confirm_min = seconds{1};
// Whatever a frame claims: nobody is waited for longer than the longest grace that the configuration takes, or than
// maintenance may last.
constexpr Duration away_max = maintenance_max;

// In maintenance nobody leads before its end anyway, so the next life may come as late as that.
Duration grace_of(const Machine& m) {
  return std::max(m.policy.restart_grace, is_maintenance_agreed(m) ? maintenance_left(m) : Duration::zero());
}

Duration confirm_limit(const Machine& m) {
  return std::min<Duration>(std::max<Duration>(m.policy.timeout, confirm_min), m.policy.restart_grace / 2);
}

// As of permit_lease(): kernel timers and clocks that differ by up to 3 %.
Duration margin_of(Duration grace) {
  return milliseconds{10} + grace / 32;
}

std::string peer_name(const Machine& m) {
  return m.policy.node_names[m.policy.peer().value()];
}

std::string seconds_text(Duration duration) {
  const auto tenths = (to_milliseconds(duration) + 50) / 100;
  return std::to_string(tenths / 10) + (tenths % 10 == 0 ? "" : "." + std::to_string(tenths % 10)) + " s";
}

void answer(Machine& m, bool is_accepted, std::string text) {
  if (!m.announcement.request) return;
  note(m, is_accepted ? Severity::event : Severity::critical, text);
  emit(m, Reply{*m.announcement.request, is_accepted, std::move(text)});
  m.announcement.request.reset();
}

void refuse(Machine& m, std::string why) {
  // Nothing was extended yet, so the other node need not wait.
  m.announcement.until = m.now;
  m.beat_wanted = true;
  answer(m, false, std::move(why) + "; nothing was changed");
}

/// Empty: the role can be handed over.
std::string obstacle(const Machine& m) {
  if (m.policy.mirrors_data) return "what mirrors the data cannot be handed over yet";
  if (m.phase != Phase::prim && m.phase != Phase::second) {
    return "only a primary with its secondary, or a secondary, can hand over to its next life; this node is in " +
           std::string{name_of(module_state(m))};
  }
  if (m.plan_active || m.orphan_script) return "scripts are under way; ask again when the module has settled";
  if (m.persist_token || m.persist_retry_at || !(m.desired.record == m.durable.record)) {
    return "the state file is being written; ask again";
  }
  if (!peer_alive(m)) return peer_name(m) + " is not heard, so nobody can promise to wait";
  if (m.peer->restarts_for > Duration::zero()) return "the agent of " + peer_name(m) + " is being restarted";
  if (m.phase == Phase::second) {
    return is_primary(m.peer->state) ? std::string{} : peer_name(m) + " is not primary";
  }
  if (m.peer->state != ModuleState::second || m.peer->activity != Activity::ready) {
    return peer_name(m) + " is not a ready secondary";
  }
  const bool is_in_doubt = m.tenure.confirm_beat || m.tenure.mute_since || m.reacquire_token || m.reacquire_at;
  if (is_in_doubt || m.tenure.is_revoked || !m.tenure.is_durable || m.tenure.is_forced) {
    return "the virtual IP is not in order; see clusteragent status";
  }
  return {};
}

bool is_confirmed(const Machine& m) {
  const PeerStatus& peer = *m.peer;
  return peer.heard_incarnation == m.policy.incarnation && peer.heard_beat >= m.announcement.first_beat &&
         peer.waits_for > Duration::zero();
}

void hand_over(Machine& m) {
  Announcement& announcement = m.announcement;
  Handover left;
  left.phase = m.phase;
  left.epoch = m.phase == Phase::second ? m.durable.record.epoch : m.tenure.epoch;
  left.running = m.running;
  left.holds_vip = m.holds_vip;
  left.runs_service = m.runs_service;
  // The peer's promise counts from a moment after `began`, and may be shorter than what was asked for.
  const Duration asked = announcement.until - announcement.began;
  const Duration promised = m.phase == Phase::second ? asked : std::min(asked, m.peer->waits_for);
  announcement.until = announcement.began + promised;
  left.until = announcement.until - margin_of(promised);
  if (m.holds_vip) {
    m.permit_until = left.until;
    emit(m, SetPermit{m.tenure.epoch, left.until});
  }
  announcement.handing_over = make_token(m);
  emit(m, HandOver{*announcement.handing_over, left});
}

void promise_to_wait(Machine& m, Duration asked) {
  Announcement& announcement = m.announcement;
  const Instant until = m.now + asked;
  if (!announcement.hold_until || *announcement.hold_until < until) announcement.hold_until = until;
  // What is on disk counts anew from a restart, so it is enough that it is no shorter than what is asked now.
  if (m.desired.promise_left >= asked) return;
  m.desired.promise_left = asked;
  request_persist(m);
}

void end_hold(Machine& m) {
  m.announcement.hold_until.reset();
  if (m.desired.promise_left == Duration::zero()) return;
  m.desired.promise_left = Duration::zero();
  request_persist(m);
}

void note_return(Machine& m) {
  if (!m.announcement.peer_away_until) return;
  m.announcement.peer_away_until.reset();
  note(m, Severity::event, "the agent of " + peer_name(m) + " is back from its announced restart");
}

}  // namespace

bool may_resume(const Handover& left, const DurableState& durable, NodeId self) {
  if (!durable.is_wanted || left.epoch != durable.record.epoch) return false;
  if (left.phase == Phase::second) return !durable.was_primary && !left.holds_vip && !left.runs_service;
  const bool is_primary_phase = left.phase == Phase::alone || left.phase == Phase::prim;
  return is_primary_phase && durable.was_primary && durable.record.holder == self;
}

Duration first_permit(Duration timeout) {
  Policy policy;
  policy.timeout = timeout;
  return permit_lease(policy);
}

void resume(Machine& m, const Handover& left) {
  m.phase = left.phase;
  m.reason = "the agent was restarted; the application went on";
  m.running = left.running;
  m.holds_vip = left.holds_vip;
  m.runs_service = left.runs_service;
  m.announcement.was_resumed = m.announcement.is_to_be_armed = true;
  if (left.phase == Phase::second) return;
  m.tenure = {};
  m.tenure.epoch = left.epoch;
  m.tenure.is_durable = m.tenure.is_elected = true;
  // What the peer promised to the former life ends when it hears this one; it then waits for an ordinary timeout.
  const Instant promised = std::min(left.until, m.now + permit_lease(m.policy));
  if (left.holds_vip) m.permit_until = promised;
  m.peer_promised_until = promised;
}

void arm_resumed(Machine& m) {
  if (!m.announcement.is_to_be_armed) return;
  m.announcement.is_to_be_armed = false;
  note(m, Severity::event,
       "Local state " + std::string{name_of(module_state(m))} + " " + std::string{name_of(activity(m))} + ": " +
           m.reason);
  const auto arm = [&m](bool is_running, WatchClass watch) {
    if (is_running) emit(m, ArmWatch{watch});
  };
  arm(true, WatchClass::pre);
  arm(m.running.both, WatchClass::both);
  arm(m.running.prim, WatchClass::prim);
  arm(m.running.second, WatchClass::second);
  arm(m.running.sec, WatchClass::sec);
}

void begin_announcement(Machine& m, const OperatorRequest& request) {
  Announcement& announcement = m.announcement;
  note(m, Severity::user, m.detail);
  std::string why = announcement.request || announcement.handing_over ? "a restart is announced already" : obstacle(m);
  if (why.empty() && m.now < announcement.until) why = "the last attempt is not over; ask again in a few seconds";
  if (!why.empty()) {
    why = "the restart of this agent cannot be announced: " + why;
    note(m, Severity::critical, why);
    return emit(m, Reply{request.request, false, why});
  }
  announcement.request = request.request;
  announcement.began = m.now;
  announcement.until = m.now + grace_of(m);
  announcement.first_beat = m.beat + 1;
  send_beat(m, true);
}

void advance_announcement(Machine& m) {
  Announcement& announcement = m.announcement;
  if (announcement.hold_until && m.now >= *announcement.hold_until) end_hold(m);
  if (announcement.peer_away_until && m.now >= *announcement.peer_away_until) {
    announcement.peer_away_until.reset();
    note(m, Severity::critical, "the agent of " + peer_name(m) + " did not come back in the time that it announced");
  }
  if (!announcement.request || announcement.handing_over) return;
  const std::string why = obstacle(m);
  if (!why.empty()) return refuse(m, "the restart of this agent cannot be announced: " + why);
  // Late confirmations are worth nothing: a process that stood still finds most of its time gone.
  const bool is_late = m.now - announcement.began >= confirm_limit(m);
  if (is_confirmed(m) && !is_late) return hand_over(m);
  if (!is_late) return;
  refuse(m, "the restart of this agent cannot be announced: " + peer_name(m) + " has not promised to wait within " +
                seconds_text(confirm_limit(m)));
}

void on_handed_over(Machine& m, const ActionFinished& finished) {
  Announcement& announcement = m.announcement;
  announcement.handing_over.reset();
  if (finished.outcome == Outcome::success) {
    announcement.is_over = true;
    return answer(
        m, true,
        "the agent ends and leaves everything running; its next life has " + seconds_text(announcement.until - m.now));
  }
  // The permit stays long, and so does what beats announce: the other node waits.
  answer(m, false, "the restart of this agent cannot be announced: " + finished.detail);
}

void take_peer_announcement(Machine& m) {
  Announcement& announcement = m.announcement;
  const Duration asked = std::min(m.peer->restarts_for, away_max);
  if (asked <= Duration::zero()) {
    note_return(m);
    return end_hold(m);
  }
  if (!announcement.peer_away_until) {
    note(m, Severity::event,
         "the agent of " + peer_name(m) + " announces a restart; this node waits for it for up to " +
             seconds_text(asked));
    m.beat_wanted = true;
  }
  announcement.peer_away_until = m.now + asked;
  if (is_primary(m.peer->state)) promise_to_wait(m, asked);
}

Duration announced_for(const Machine& m) {
  return std::max<Duration>(m.announcement.until - m.now, Duration::zero());
}

Duration promised_for(const Machine& m) {
  const Announcement& announcement = m.announcement;
  if (!announcement.peer_away_until || m.now >= *announcement.peer_away_until) return Duration::zero();
  if (primary_phases.contains(m.phase)) {
    // It lives on this peer's promises alone: without it the service would stop.
    const bool leans_on_peer =
        m.policy.has_witness && (!m.witness.promised_until || m.now >= *m.witness.promised_until);
    return leans_on_peer ? Duration::zero() : *announcement.peer_away_until - m.now;
  }
  if (!holds_back(m)) return Duration::zero();
  const Duration left = *announcement.hold_until - m.now;
  // Of a shorter promise the rest would be forgotten by a restart of this node. A write under way may be on the disk.
  const bool is_safe_on_disk = m.durable.promise_left >= left;
  const bool stays_safe = !m.persist_token || m.persist_in_flight.promise_left >= left;
  return is_safe_on_disk && stays_safe ? left : Duration::zero();
}

bool holds_back(const Machine& m) {
  return m.announcement.hold_until && m.now < *m.announcement.hold_until;
}

bool peer_is_excused(const Machine& m) {
  if (m.announcement.peer_away_until && m.now < *m.announcement.peer_away_until) return true;
  return m.announcement.was_resumed && !m.peer && !m.judge.is_silent(m.now);
}

std::optional<Instant> next_announcement_deadline(const Machine& m) {
  const Announcement& announcement = m.announcement;
  std::optional<Instant> earliest;
  const auto consider = [&](std::optional<Instant> at) {
    if (at && *at > m.now && (!earliest || *at < *earliest)) earliest = at;
  };
  consider(announcement.hold_until);
  consider(announcement.peer_away_until);
  if (announcement.request && !announcement.handing_over) consider(announcement.began + confirm_limit(m));
  if (announcement.is_to_be_armed) earliest = m.now;
  return earliest;
}

}  // namespace clusteragent::core
