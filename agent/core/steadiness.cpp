#include "agent/core/steadiness.hpp"

#include <string>

namespace clusteragent::core {
namespace {

// A role that a candidate never had is none to leave.
bool leaves_role(const Machine& m, const TransitionRow& row) {
  return row.to == Phase::leaving_primary && primary_phases.contains(m.phase) && !is_proposal(m);
}

bool takes_role(const Machine& m, const TransitionRow& row) {
  return row.to == Phase::alone && m.phase == Phase::taking_over;
}

// The peer hands over what its operator has stopped or moved.
bool is_handed_over(const Machine& m) {
  if (!peer_alive(m)) return false;
  const BlockReason why = m.peer->blocked;
  return m.peer->yields && (why == BlockReason::none || why == BlockReason::not_running);
}

}  // namespace

void count_role_change(Machine& m, const TransitionRow& row) {
  if (row.to == Phase::taking_over) {
    m.role_changes.is_own_doing = !m.operator_insists && !m.operator_forces && !is_handed_over(m);
  }
  const bool leaves = leaves_role(m, row) && m.counts_restart;
  const bool takes = takes_role(m, row) && m.role_changes.is_own_doing;
  if (leaves || takes) m.role_changes.hold_down.role_changed(m.now);
}

bool defers_to_last_holder(const Machine& m) {
  if (!m.role_changes.hold_down.is_held(m.now) || m.operator_insists || !m.peer) return false;
  const PeerStatus& peer = *m.peer;
  const bool can_go_on = peer.state == ModuleState::wait && peer.is_promotable && !peer.yields;
  const Record& newest = is_newer(m.durable.record, peer.record) ? m.durable.record : peer.record;
  return can_go_on && newest.epoch.value() != 0 && newest.holder == m.policy.peer();
}

void note_hold_down(Machine& m) {
  const std::optional<Instant> until = m.role_changes.hold_down.until(m.now);
  if (until == m.role_changes.noted_until) return;
  m.role_changes.noted_until = until;
  if (!until) return note(m, Severity::event, "no longer held: the service may move by preference again");
  note(m, Severity::event,
       "held: " + std::to_string(m.role_changes.hold_down.changes(m.now)) + " role changes in the last " +
           std::to_string(to_milliseconds(m.role_changes.hold_down.window()) / 60000) + " min; no voluntary move for " +
           std::to_string(to_milliseconds(*until - m.now) / 1000) + " s. Look for a flapping link or application");
}

}  // namespace clusteragent::core
