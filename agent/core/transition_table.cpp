#include "agent/core/transition_table.hpp"

#include <array>

#include "agent/base/assert.hpp"
#include "agent/core/effects.hpp"

namespace clusteragent::core {
namespace {

using F = const Facts&;
using enum Phase;

constexpr PhaseSet electing_or_blocked{electing, blocked};
constexpr PhaseSet rules{alone, prim, restarting};  // a primary that has been through its start scripts
constexpr PhaseSet follows{joining, second};
constexpr PhaseSet leaving{leaving_primary, leaving_second};
constexpr PhaseSet any{stopped,    prestarting,     electing, blocked, taking_over,    alone,   prim,
                       restarting, leaving_primary, joining,  second,  leaving_second, stopping};

constexpr TransitionRow rows[] = {
    // ---- electing: who is primary?
    {"follow_primary", electing_or_blocked, Trigger::facts, [](F f) { return f.peer_is_primary; },
     "the peer is primary",
     joining, begin_joining, Answer::none, "{peer} is primary; joining it as secondary"},
    {"wait_for_link", {electing}, Trigger::facts, [](F f) { return !f.links_are_up; },
     "a checked interface has no link",
     blocked, block_on_interface, Answer::none,
     "a checked interface has no link; plug it in, the node goes on by itself",
     "Resource intf set to down by intfcheck"},
    {"wait_for_upgrade", {electing}, Trigger::facts, [](F f) { return f.peer_is_incompatible; },
     "the peer speaks no common protocol version", blocked, block_on_incompatible_peer, Answer::none,
     "{peer} speaks no protocol version that this agent speaks; upgrade the older agent"},
    {"hold_as_secondary", {electing}, Trigger::facts, [](F f) { return f.operator_hold; },
     "the operator asked for the secondary role", blocked, block_on_operator_hold, Answer::none,
     "the operator asked for the secondary role and {peer} is not primary; clusteragent prim overrides"},
    {"take_over_by_force", electing_or_blocked, Trigger::facts, [](F f) { return f.forces; },
     "operator said prim --force",
     taking_over, begin_take_over, Answer::none,
     "DATA RISK: the operator forced this node to become primary (clusteragent prim --force)",
     "Action primforce called by administrator"},
    {"wait_for_data", {electing}, Trigger::facts, [](F f) { return !f.is_up_to_date && f.peer_is_lost; },
     "outside the newest sync set and the peer is lost", blocked, block_on_old_data, Answer::none,
     "{peer} acknowledged writes that this node lacks, and it is not heard; start {peer}, or accept the loss with "
     "clusteragent prim --force",
     "Data may be not uptodate for replicated directories (wait for the start of the remote server)"},
    {"wait_for_quorum", {electing}, Trigger::facts,
     [](F f) { return f.may_lead && f.peer_is_lost && f.hold_is_over && f.witness_withholds; },
     "the peer is lost and the witness does not give its vote", blocked, block_on_quorum, Answer::none,
     "{peer} is not heard, and the witness {witness}"},
    {"take_over_agreed", {electing}, Trigger::facts,
     [](F f) { return f.may_lead && !f.has_yielded && f.peer_stays_away; }, "the peer is heard and defers", taking_over,
     begin_take_over, Answer::none, "{peer} is heard and leaves the primary role to {self}"},
    {"take_over_silent", {electing}, Trigger::facts,
     [](F f) { return f.may_lead && !f.peer_is_alive && f.peer_does_not_lead && f.hold_is_over; },
     "no heartbeat and the hold is over", taking_over, begin_take_over, Answer::none,
     "no heartbeat from {peer} on any path for {silence}", "Action alone called by heart: no heartbeat"},
    {"end_yield", {electing}, Trigger::facts, [](F f) { return f.has_yielded && f.hold_is_over; },
     "the peer did not take over in time", std::nullopt, end_yield, Answer::none,
     "{peer} was asked to take over and did not; {self} may become primary again"},
    {"unblock", {blocked}, Trigger::facts, [](F f) { return f.block_is_over; }, "what blocked the node is gone",
     electing,
     begin_election, Answer::none, "what kept this node in WAIT is gone",
     "Action wakeup from failover rule Implicit_wakeup"},

    {"clean_up_former_life", {stopped}, Trigger::facts, [](F f) { return f.former_life_remains; },
     "a crash on the way to STOP left something running", stopping, begin_stopping, Answer::none,
     "a former life of this agent ended on its way to STOP; stopping what it left running"},

    // ---- taking over and being primary
    {"peer_is_back", {taking_over}, Trigger::facts,
     [](F f) { return f.peer_is_primary && !f.holds_vip && (!f.tenure_is_durable || !f.is_elected); },
     "the peer is heard as primary before the new epoch was used", electing, abandon_take_over, Answer::none,
     "{peer} is heard again as primary before this node had taken anything"},
    {"newer_primary", primary_phases, Trigger::facts, [](F f) { return f.peer_is_newer_primary; },
     "the peer is primary under a newer epoch", leaving_primary, leave_for_newer_primary, Answer::none,
     "{peer} is primary under a newer epoch; {self} gives way", "Split brain recovery: exiting alone"},
    {"quorum_lost", primary_phases, Trigger::facts, [](F f) { return f.quorum_is_lost; },
     "neither the peer nor the witness promises to wait", leaving_primary, leave_without_quorum, Answer::none,
     "neither {peer} nor the witness is heard; the other node may take over, so {self} lets go"},
    {"own_link_lost", primary_phases, Trigger::facts, [](F f) { return !f.links_are_up && !f.is_frozen; },
     "a checked interface has lost its link", leaving_primary, leave_for_interface, Answer::none,
     "a checked interface has lost its link; clients cannot reach this node", "Action wait from failover rule "
     "interface_failure"},
    {"peer_is_deaf", rules, Trigger::facts, [](F f) { return f.peer_will_give_up_on_us && !f.is_frozen; },
     "the peer has not heard this node for nearly the timeout", leaving_primary, leave_to_deaf_peer, Answer::none,
     "one-way cut: {peer} is heard but hears nothing from {self} and is about to take over; {self} gives way first"},
    {"secondary_joined", {alone}, Trigger::facts, [](F f) { return f.peer_is_second && !f.is_frozen; },
     "the peer is secondary", prim,
     welcome_secondary, Answer::none, "{peer} has joined as secondary"},
    {"secondary_gone", {prim}, Trigger::facts,
     [](F f) { return !f.peer_is_second && f.peer_is_alive && !f.is_frozen; },
     "the peer is heard and no longer secondary", alone, continue_alone, Answer::none,
     "{peer} is no longer secondary; the service goes on here alone", "Action alone called by heart: remote stop"},
    {"secondary_silent", {prim}, Trigger::facts,
     [](F f) { return !f.peer_is_second && !f.peer_is_excused && !f.is_frozen; },
     "the peer is lost", alone,
     continue_alone, Answer::none, "{peer} is lost ({why}); the service goes on here alone",
     "Action alone called by heart: no heartbeat"},
    {"fall_back", {prim}, Trigger::facts, [](F f) { return f.fall_back_is_due && !f.is_frozen; },
     "defaultprim names the ready secondary",
     leaving_primary, leave_for_fall_back, Answer::none,
     "defaultprim names {peer}, which is ready; moving the service back",
     "Transition SWAP from defaultprim"},
    {"renumber", settled_primary_phases, Trigger::facts,
     [](F f) { return f.peer_holds_newer_record && !f.peer_is_primary; }, "the peer remembers a newer epoch",
     std::nullopt,
     renumber_tenure, Answer::none, "{peer} remembers a newer epoch; this tenure gets a number above it"},

    // ---- secondary
    {"failover_is_off", follows, Trigger::facts,
     [](F f) { return !f.may_lead && f.peer_does_not_lead && !f.peer_is_primary && !f.is_frozen; },
     "the primary is gone and this node may not take over", leaving_second, leave_second_blocked, Answer::none,
     "{peer} is not primary any more and this node may not take over: {why}",
     "Action stopstart called by failover-off"},
    {"incompatible_primary", follows, Trigger::facts, [](F f) { return f.peer_is_incompatible && !f.is_frozen; },
     "the peer speaks no common protocol version any more", leaving_second, leave_second_blocked, Answer::none,
     "{peer} speaks no protocol version that this agent speaks; upgrade the older agent"},
    {"take_over_by_force_from_second", {second}, Trigger::facts, [](F f) { return f.forces && !f.peer_is_alive; },
     "operator said prim --force",
     taking_over, begin_take_over, Answer::none,
     "DATA RISK: the operator forced this node to become primary (clusteragent prim --force)",
     "Action primforce called by administrator"},
    {"guard_released", follows, Trigger::facts, [](F f) { return f.guard_released && !f.is_frozen; },
     "the peer's agent died and its guard has let go", taking_over, begin_take_over, Answer::none,
     "the agent of {peer} died; its guard has released the virtual IP and stopped the application",
     "Action alone called by heart: remote stop"},
    {"remote_stop", follows, Trigger::facts, [](F f) { return f.peer_stays_away && !f.is_frozen; },
     "the peer is heard and has let go", taking_over, begin_take_over, Answer::none,
     "{peer} is heard and has let go of the service", "Action alone called by heart: remote stop"},
    {"no_heartbeat", follows, Trigger::facts,
     [](F f) { return f.peer_does_not_lead && !f.peer_is_alive && !f.is_frozen; },
     "silence verdict on every path", taking_over, begin_take_over, Answer::none,
     "no heartbeat from {peer} on any path for {silence}", "Action alone called by heart: no heartbeat"},

    // ---- leaving
    {"conflict_while_leaving", {leaving_primary}, Trigger::facts,
     [](F f) { return f.peer_is_newer_primary && f.holds_vip && !f.is_dropping_vip; },
     "the peer is primary under a newer epoch", std::nullopt,
     drop_vip_now, Answer::none, "{peer} is primary under a newer epoch; the virtual IP is dropped at once"},
    {"settled", any, Trigger::facts, [](F) { return false; }, "never", std::nullopt, nullptr, Answer::none, ""},

    // ---- plans
    {"prestart_done", {prestarting}, Trigger::plan_done, nullptr, "", electing, begin_election, Answer::none,
     "listening for {peer}"},
    {"took_over", {taking_over}, Trigger::plan_done, nullptr, "", alone, settle_primary, Answer::none,
     "{self} is primary"},
    {"restarted_prim", {restarting}, Trigger::plan_done, [](F f) { return f.peer_is_second; }, "with a secondary", prim,
     settle_primary, Answer::none, "the application was restarted"},
    {"restarted_alone", {restarting}, Trigger::plan_done, nullptr, "", alone, settle_primary, Answer::none,
     "the application was restarted"},
    {"joined", {joining}, Trigger::plan_done, nullptr, "", second, settle_second, Answer::none,
     "{self} is secondary and can take over"},
    {"left_to_stop", leaving, Trigger::plan_done, [](F f) { return f.destination == Destination::stopped; },
     "on the way to STOP", stopping, begin_stopping, Answer::none, "the scripts of the role have stopped"},
    {"left_to_block", leaving, Trigger::plan_done, [](F f) { return f.destination == Destination::blocked; },
     "on the way to WAIT NotReady", blocked, begin_waiting_after_leaving, Answer::none, "{why}"},
    {"left_to_wait", leaving, Trigger::plan_done, nullptr, "", electing, begin_waiting_after_leaving, Answer::none,
     "the scripts of the role have stopped; listening for {peer}"},
    {"poststop_done", {stopping}, Trigger::plan_done, nullptr, "", stopped, settle_stopped, Answer::none,
     "the module is stopped"},
    {"side_scripts_done", any, Trigger::plan_done, nullptr, "", std::nullopt, nullptr, Answer::none, ""},
    {"prestart_failed", {prestarting}, Trigger::plan_failed, nullptr, "", stopping, begin_stopping, Answer::none,
     "prestart failed, something may still be running from before; look at the script's log, then start again: "
     "{detail}"},
    {"epoch_not_written", {taking_over}, Trigger::plan_failed, [](F f) { return !f.tenure_is_durable; },
     "the state file cannot be written", blocked, block_on_full_disk, Answer::none,
     "not taking over, {detail}; trying again"},
    {"not_elected", {taking_over}, Trigger::plan_failed, [](F f) { return !f.is_elected; },
     "a second vote was not given", electing, abandon_take_over, Answer::none,
     "not taking over, {detail}"},
    {"start_failed", {taking_over, restarting}, Trigger::plan_failed, [](F f) { return f.budget_allows; },
     "maxloop not reached", leaving_primary, leave_after_failed_start, Answer::none, "{detail}",
     "Action stopstart called by start script"},
    {"start_failed_for_good", {taking_over, restarting}, Trigger::plan_failed, nullptr, "", leaving_primary,
     leave_by_budget, Answer::none, "maxloop reached; correct the cause, then clusteragent start: {detail}",
     "Action stop called by maxloop"},
    {"join_failed", {joining}, Trigger::plan_failed, [](F f) { return f.budget_allows; }, "maxloop not reached",
     leaving_second, leave_second_after_failed_start, Answer::none, "{detail}"},
    {"join_failed_for_good", {joining}, Trigger::plan_failed, nullptr, "", leaving_second, leave_second_by_budget,
     Answer::none, "maxloop reached; correct the cause, then clusteragent start: {detail}",
     "Action stop called by maxloop"},
    {"side_script_failed", any, Trigger::plan_failed, nullptr, "", std::nullopt, nullptr, Answer::none,
     "a script beside the service failed, the role stays: {detail}"},

    // ---- start
    {"start", {stopped}, Trigger::op_start, nullptr, "", prestarting, begin_start, Answer::accept, "{detail}"},
    {"start_while_stopping", {stopping}, Trigger::op_start, nullptr, "", std::nullopt, nullptr, Answer::refuse,
     "the module is stopping; start it again once it is in STOP"},
    {"start_while_leaving", leaving, Trigger::op_start, [](F f) { return f.destination == Destination::stopped; },
     "on the way to STOP", std::nullopt, nullptr, Answer::refuse,
     "the module is stopping; start it again once it is in STOP"},
    {"start_from_hold", {blocked}, Trigger::op_start, [](F f) { return f.operator_hold; }, "held by the operator",
     electing,
     [](Machine& m) { m.operator_hold = false; begin_election(m); }, Answer::accept, "{detail}"},
    {"start_again", any, Trigger::op_start, nullptr, "", std::nullopt, nullptr, Answer::accept, "already started"},

    // ---- stop
    {"stop_again", {stopped, stopping}, Trigger::op_stop, nullptr, "", std::nullopt, nullptr, Answer::accept,
     "already stopped"},
    {"stop_early", {prestarting, electing, blocked}, Trigger::op_stop, nullptr, "", stopping, begin_stopping,
     Answer::accept, "{detail}"},
    {"stop_primary", primary_phases, Trigger::op_stop, nullptr, "", leaving_primary, leave_to_stop, Answer::accept,
     "{detail}"},
    {"stop_secondary", follows, Trigger::op_stop, nullptr, "", leaving_second, leave_second_to_stop, Answer::accept,
     "{detail}"},
    {"stop_while_leaving", leaving, Trigger::op_stop, nullptr, "", std::nullopt, stop_after_leaving, Answer::accept,
     "{detail}"},

    // ---- maintenance
    {"stopstart_in_maintenance", any, Trigger::op_stopstart, [](F f) { return f.is_frozen; }, "maintenance",
     std::nullopt,
     nullptr, Answer::refuse,
     "maintenance is on, so the other node would not take over; clusteragent maintenance off first, or clusteragent "
     "restart, which keeps the role"},
    {"swap_in_maintenance", any, Trigger::op_swap, [](F f) { return f.is_frozen; }, "maintenance", std::nullopt,
     nullptr, Answer::refuse, "maintenance is on, so nothing moves; clusteragent maintenance off first"},
    {"restart_left_alone", any, Trigger::process_restart, [](F f) { return f.is_frozen; }, "maintenance",
     std::nullopt,
     leave_alone, Answer::none, ""},
    {"stopstart_left_alone", any, Trigger::process_stopstart, [](F f) { return f.is_frozen; }, "maintenance",
     std::nullopt,
     leave_alone, Answer::none, ""},
    {"stop_left_alone", any, Trigger::process_stop, [](F f) { return f.is_frozen; }, "maintenance", std::nullopt,
     leave_alone, Answer::none, ""},

    // ---- restart
    {"restart_over_budget", settled_primary_phases, Trigger::op_restart, [](F f) { return !f.budget_allows; },
     "maxloop reached", leaving_primary, leave_by_budget, Answer::accept, "maxloop reached: {detail}",
     "Action stop called by maxloop"},
    {"restart", settled_primary_phases, Trigger::op_restart, nullptr, "", restarting, begin_restart, Answer::accept,
     "{detail}"},
    {"restart_secondary", {second}, Trigger::op_restart, nullptr, "", leaving_second, leave_second_to_rejoin,
     Answer::accept, "{detail}"},
    {"restart_refused", any, Trigger::op_restart, nullptr, "", std::nullopt, nullptr, Answer::refuse,
     "nothing settled to restart here; see clusteragent status"},

    // ---- stopstart
    {"stopstart_over_budget", primary_phases, Trigger::op_stopstart, [](F f) { return !f.budget_allows; },
     "maxloop reached", leaving_primary, leave_by_budget, Answer::accept, "maxloop reached: {detail}",
     "Action stop called by maxloop"},
    {"stopstart", primary_phases, Trigger::op_stopstart, nullptr, "", leaving_primary,
     [](Machine& m) { leave_for_stopstart(m); if (m.counts_restart) m.budget.take(m.now); }, Answer::accept,
     "{detail}"},
    {"stopstart_secondary", follows, Trigger::op_stopstart, nullptr, "", leaving_second, leave_second_to_rejoin,
     Answer::accept, "{detail}"},
    {"stopstart_refused", any, Trigger::op_stopstart, nullptr, "", std::nullopt, nullptr, Answer::refuse,
     "the module does not run here; clusteragent start"},

    // ---- swap
    {"swap", {prim}, Trigger::op_swap, [](F f) { return f.peer_can_take_over; }, "the secondary can take over",
     leaving_primary, leave_for_swap, Answer::accept, "{detail}", "Begin of Swap"},
    {"swap_asked", {second}, Trigger::op_swap, [](F f) { return f.peer_is_primary && f.may_lead; },
     "this secondary can take over", std::nullopt, wish_for_swap, Answer::accept, "{peer} is asked to swap"},
    {"swap_no_secondary", primary_phases, Trigger::op_swap, nullptr, "", std::nullopt, nullptr, Answer::refuse,
     "no secondary that could take over: {why}"},
    {"swap_refused", any, Trigger::op_swap, nullptr, "", std::nullopt, nullptr, Answer::refuse,
     "a swap needs one node in PRIM and the other in SECOND; see clusteragent status"},

    // ---- prim
    {"prim_again", primary_phases, Trigger::op_prim, nullptr, "", std::nullopt, nullptr, Answer::accept,
     "already primary"},
    {"prim_against_primary", {stopped, electing, blocked, joining, second}, Trigger::op_prim,
     [](F f) { return f.peer_is_primary; }, "the peer is primary", std::nullopt, nullptr, Answer::refuse,
     "{peer} is primary; to move the service here use clusteragent swap"},
    {"prim_in_maintenance", {electing, blocked, joining, second}, Trigger::op_prim,
     [](F f) { return f.is_frozen && f.peer_is_lost && !f.forces; }, "maintenance, and the peer is lost", std::nullopt,
     nullptr, Answer::refuse,
     "maintenance is on and {peer} is not heard: it may serve although its agent is down; if {peer} is off for sure: "
     "clusteragent prim --force"},
    {"prim_without_quorum", {electing, blocked, joining, second}, Trigger::op_prim,
     [](F f) { return f.peer_is_lost && f.witness_withholds && !f.forces; },
     "the peer is lost and the witness does not give its vote", std::nullopt, nullptr, Answer::refuse,
     "{peer} is not heard, and the witness {witness}; if {peer} is off for sure: clusteragent prim --force"},
    {"prim_old_data", {stopped, electing, blocked}, Trigger::op_prim, [](F f) { return !f.is_up_to_date && !f.forces; },
     "outside the newest sync set", std::nullopt, nullptr, Answer::refuse,
     "this node lacks writes that {peer} acknowledged; start {peer}, or accept the loss with clusteragent prim "
     "--force"},
    {"prim_from_stop", {stopped}, Trigger::op_prim, nullptr, "", prestarting, begin_start_as_primary, Answer::accept,
     "{detail}"},
    {"prim_from_wait", electing_or_blocked, Trigger::op_prim, nullptr, "", electing,
     [](Machine& m) { insist(m); begin_election(m); }, Answer::accept, "{detail}"},
    {"prim_from_second", follows, Trigger::op_prim, nullptr, "", std::nullopt, insist, Answer::accept, "{detail}"},
    {"prim_refused", any, Trigger::op_prim, nullptr, "", std::nullopt, nullptr, Answer::refuse,
     "the module is changing state; ask again when it has settled"},

    // ---- second
    {"second_again", follows, Trigger::op_second, nullptr, "", std::nullopt, nullptr, Answer::accept,
     "already secondary"},
    {"second_of_nobody", {stopped}, Trigger::op_second, [](F f) { return !f.peer_is_primary; },
     "the peer is not primary",
     std::nullopt, nullptr, Answer::refuse, "{peer} is not primary; make it primary first (there: clusteragent prim)"},
    {"second_from_stop", {stopped}, Trigger::op_second, nullptr, "", prestarting, begin_start_as_secondary,
     Answer::accept, "{detail}"},
    {"second_from_wait", electing_or_blocked, Trigger::op_second, nullptr, "", std::nullopt, hold_as_secondary,
     Answer::accept, "{detail}"},
    {"second_refused", any, Trigger::op_second, nullptr, "", std::nullopt, nullptr, Answer::refuse,
     "this node is primary or changing state; to hand the service over use clusteragent swap"},

    // ---- errd
    {"over_budget_by_restart", rules, Trigger::process_restart, [](F f) { return !f.budget_allows; }, "maxloop reached",
     leaving_primary, leave_by_budget, Answer::none, "maxloop reached: {detail}", "Action stop called by maxloop"},
    {"over_budget_by_restart_secondary", follows, Trigger::process_restart, [](F f) { return !f.budget_allows; },
     "maxloop reached",
     leaving_second, leave_second_by_budget, Answer::none, "maxloop reached: {detail}",
     "Action stop called by maxloop"},
    {"over_budget_by_stopstart", rules, Trigger::process_stopstart, [](F f) { return !f.budget_allows; },
     "maxloop reached",
     leaving_primary, leave_by_budget, Answer::none, "maxloop reached: {detail}", "Action stop called by maxloop"},
    {"over_budget_by_stopstart_secondary", follows, Trigger::process_stopstart, [](F f) { return !f.budget_allows; },
     "maxloop reached",
     leaving_second, leave_second_by_budget, Answer::none, "maxloop reached: {detail}",
     "Action stop called by maxloop"},
    {"process_restart", settled_primary_phases, Trigger::process_restart, nullptr, "", restarting, begin_restart,
     Answer::none, "{detail}", "Action restart called by errd"},
    {"process_restart_secondary", {second}, Trigger::process_restart, nullptr, "", leaving_second,
     leave_second_to_rejoin, Answer::none, "{detail}", "Action restart called by errd"},
    {"process_restart_ignored", any, Trigger::process_restart, nullptr, "", std::nullopt, nullptr, Answer::none, ""},
    {"process_stopstart", rules, Trigger::process_stopstart, nullptr, "", leaving_primary,
     [](Machine& m) { leave_for_stopstart(m); m.budget.take(m.now); request_persist(m); }, Answer::none, "{detail}",
     "Action stopstart called by errd"},
    {"process_stopstart_secondary", follows, Trigger::process_stopstart, nullptr, "", leaving_second,
     leave_second_to_rejoin, Answer::none, "{detail}", "Action stopstart called by errd"},
    {"process_stopstart_ignored", any, Trigger::process_stopstart, nullptr, "", std::nullopt, nullptr, Answer::none,
     ""},
    {"process_stop", rules, Trigger::process_stop, nullptr, "", leaving_primary, leave_to_stop, Answer::none,
     "{detail}",
     "Action stop called by errd"},
    {"process_stop_secondary", follows, Trigger::process_stop, nullptr, "", leaving_second, leave_second_to_stop,
     Answer::none, "{detail}", "Action stop called by errd"},
    {"process_stop_ignored", any, Trigger::process_stop, nullptr, "", std::nullopt, nullptr, Answer::none, ""},
};

}  // namespace

std::span<const TransitionRow> transition_table() {
  return rows;
}

std::string_view name_of(Trigger trigger) {
  constexpr std::array<std::string_view, trigger_count> names{
      "facts",  "start",        "stop",           "restart",          "stopstart",          "swap",         "prim",
      "second", "scripts done", "scripts failed", "process: restart", "process: stopstart", "process: stop"};
  const auto index = static_cast<std::size_t>(trigger);
  CLUSTERAGENT_ASSERT(index < names.size());
  return names[index];
}

const TransitionRow* find_row(Phase phase, Trigger trigger, const Facts& facts) {
  for (const TransitionRow& row : rows) {
    if (row.on != trigger || !row.from.contains(phase)) continue;
    if (row.guard == nullptr || row.guard(facts)) return &row;
  }
  return nullptr;
}

}  // namespace clusteragent::core
