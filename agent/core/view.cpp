#include "agent/core/view.hpp"

#include "agent/core/machine.hpp"
#include "agent/core/names.hpp"

namespace clusteragent::core {
namespace {

std::string doing(const Machine& m) {
  if (m.orphan_script) return "ending a script";
  if (!m.plan_active) return {};
  const std::size_t index = m.awaited && m.plan.next > 0 ? m.plan.next - 1 : m.plan.next;
  if (index >= m.plan.steps.size()) return {};
  const Step& step = m.plan.steps[index];
  switch (step.kind) {
    case StepKind::persist_tenure:
      return "writing epoch " + std::to_string(m.tenure.epoch.value());
    case StepKind::obtain_quorum:
      return "asking the other node and the witness for their votes";
    case StepKind::lead_data:
    case StepKind::follow_data:
      return "making the data ready";
    case StepKind::release_data:
      return "letting go of the data";
    case StepKind::share_data:
      return "putting on record that both copies are good, as nothing was written here";
    case StepKind::acquire_vip:
      return "setting the virtual IP";
    case StepKind::release_vip:
      return "removing the virtual IP";
    case StepKind::start_script:
    case StepKind::stop_script:
      if (step.script == ScriptKind::fence) return "fencing " + m.policy.node_names[m.policy.peer().value()];
      return std::string{name_of(step.script)} + (step.is_force ? " force" : "");
    case StepKind::arm:
    case StepKind::disarm:
      return {};
  }
  return {};
}

std::string remedy(const Machine& m) {
  if (m.phase == Phase::stopped) return "clusteragent start";
  if (m.phase != Phase::blocked) return {};
  switch (m.waiting.block) {
    case BlockReason::failover_off:
    case BlockReason::operator_hold:
      return "clusteragent prim";
    case BlockReason::no_quorum:
      return "bring the witness or the other node back; clusteragent prim --force only if the other node is off for "
             "sure";
    case BlockReason::isolated:
      return "bring the network back; clusteragent prim only if the other node does not serve";
    case BlockReason::undecided:
    case BlockReason::not_up_to_date:
      return "start the other node, or clusteragent prim --force (loses its writes)";
    case BlockReason::first_start:
      return "clusteragent prim, on the node that has the data";
    case BlockReason::interface_down:
      return "plug the cable in";
    case BlockReason::peer_incompatible:
      return "upgrade the older agent";
    case BlockReason::fence_failed:
      return "make the fence script work, or switch the other node off by hand and then clusteragent prim --force";
    case BlockReason::service_failed:
      return "correct the cause; clusteragent log shows it";
    default:
      return {};
  }
}

PeerView view_peer(const Machine& m) {
  PeerView view;
  view.is_silent = !m.peer || m.judge.is_silent(m.now);
  view.is_process_gone = m.judge.is_process_gone(m.now);
  view.is_incompatible = m.peer_is_incompatible;
  view.away_until = m.announcement.peer_away_until;
  if (!m.peer) return view;
  view.was_ever_heard = true;
  view.last_heard = m.peer_heard_at;
  view.status = *m.peer;
  view.is_deaf_to_us =
      peer_alive(m) && (m.peer->heard_incarnation != m.policy.incarnation || m.peer->heard_age >= m.policy.timeout / 2);
  return view;
}

WitnessView view_witness(const Machine& m) {
  WitnessView view;
  view.is_configured = m.policy.has_witness;
  view.heard_at = m.witness.heard_at;
  view.is_silent = m.witness.silent_since && m.now - *m.witness.silent_since >= m.policy.timeout;
  view.answer = m.witness.answer;
  view.promised_until = m.witness.promised_until;
  view.peer_promised_until = m.peer_promised_until;
  return view;
}

}  // namespace

View make_view(const Machine& m) {
  View view;
  view.self = m.policy.self;
  view.state = module_state(m);
  view.activity = activity(m);
  view.since = m.since;
  view.reason = m.lan.is_noted ? primary_on_lan_text(m) : m.reason;
  view.doing = doing(m);
  view.remedy = remedy(m);
  if (m.phase == Phase::blocked) view.next_try_at = m.waiting.hold_until;
  view.record = record_on_disk(m);
  view.diverged_epoch = m.desired.diverged_epoch;
  view.holds_vip = m.holds_vip;
  view.runs_service = m.runs_service;
  view.permit_until = m.permit_until;
  view.blocked = why_not_promotable(m);
  if (view.blocked == BlockReason::none && is_held_back_by_lan(m)) view.blocked = BlockReason::awaiting_peer;
  view.is_promotable = view.blocked == BlockReason::none;
  view.last_script_failure = m.last_script_failure;
  view.restarts_used = m.budget.used(m.now);
  view.restarts_max = m.budget.max();
  view.restart_window_ends = m.budget.window_ends();
  view.role_changes = m.role_changes.hold_down.changes(m.now);
  view.role_changes_window = m.role_changes.hold_down.window();
  view.held_until = m.role_changes.hold_down.until(m.now);
  if (holds_back(m)) view.promised_to_wait_until = m.announcement.hold_until;
  if (in_maintenance(m)) view.maintenance_until = m.maintenance.until;
  view.maintenance_said_on = NodeId{static_cast<std::uint8_t>(m.maintenance.number & 1U)};
  view.is_maintenance_agreed = is_maintenance_agreed(m);
  view.left_alone = m.maintenance.left_alone;
  view.peer = view_peer(m);
  view.witness = view_witness(m);
  view.reader = view_reader(m);
  if (peer_alive(m)) view.config_matches = m.peer->config_hash == m.policy.config_hash;
  return view;
}

}  // namespace clusteragent::core
