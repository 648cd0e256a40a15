#include "agent/core/effects.hpp"

#include <algorithm>

#include "agent/core/divergence.hpp"
#include "agent/core/names.hpp"

namespace clusteragent::core {
namespace {

using std::chrono::seconds;

// After a failed start the other node gets this long to take over before this one tries again; doubled each time.
constexpr Duration hold_first = seconds{1};
constexpr Duration hold_max = seconds{60};
// A peer that was asked to take over shows it within one heartbeat; after this it is not going to.
constexpr Duration yield_min = seconds{2};

Plan make_plan(const Machine& m, ModuleState to, std::string_view action) {
  Plan plan;
  plan.from = module_state(m);
  plan.to = to;
  plan.action = std::string{action};
  return plan;
}

Duration hold_time(const Machine& m) {
  const std::uint32_t doublings = std::min(m.budget.used(m.now), 6U);
  return std::min(hold_first * (1 << doublings), hold_max);
}

void take_restart(Machine& m) {
  if (m.counts_restart) m.budget.take(m.now);
  request_persist(m);
}

struct Departure {
  Destination destination = Destination::electing;
  bool yields = false;
  bool drops_vip_first = false;
  bool lets_script_end = false;
  std::string_view action = "stop";
};

void leave_primary(Machine& m, const Departure& departure) {
  const bool serves = !departure.drops_vip_first && departure.destination != Destination::blocked;
  m.leaving = Leaving{departure.destination, BlockReason::none, {}, departure.yields, departure.yields && serves};
  const bool keeps_both = departure.destination == Destination::electing;
  const GroupSet wanted = keeps_both ? groups_between_roles : groups_of_none;
  Plan plan = make_plan(m, departure.destination == Destination::stopped ? ModuleState::stop : ModuleState::wait,
                        departure.action);
  if (departure.drops_vip_first) plan.steps.push_back(Step{.kind = StepKind::release_vip});
  append_stops(plan.steps, m.running, wanted);
  append_release_data(plan.steps, m.policy);
  if (!departure.drops_vip_first) plan.steps.push_back(Step{.kind = StepKind::release_vip});
  append_transition(plan.steps);
  begin_plan(m, std::move(plan), departure.lets_script_end);
}

void leave_second(Machine& m, Destination destination, std::string_view action) {
  m.leaving = Leaving{destination, BlockReason::none, {}, false};
  if (destination == Destination::electing && !m.policy.failover) {
    // An election would be a failover by the back door: it follows a primary or waits for the operator.
    m.leaving.destination = Destination::blocked;
    m.leaving.block = BlockReason::failover_off;
  }
  const GroupSet wanted = destination == Destination::electing ? groups_between_roles : groups_of_none;
  Plan plan = make_plan(m, ModuleState::wait, action);
  append_stops(plan.steps, m.running, wanted);
  append_release_data(plan.steps, m.policy);
  append_transition(plan.steps);
  begin_plan(m, std::move(plan));
  m.is_candidate = false;
}

void want_running(Machine& m, bool wanted) {
  m.desired.is_wanted = wanted || m.keeps_wish;
  request_persist(m);
}

}  // namespace

void begin_start(Machine& m) {
  m.keeps_wish = false;
  want_running(m, true);
  m.waiting = {};
  Plan plan = make_plan(m, ModuleState::wait, "start");
  plan.steps.push_back(Step{.kind = StepKind::release_vip});
  append_transition(plan.steps);
  append_prestart(plan.steps, m.policy);
  append_release_data(plan.steps, m.policy);
  begin_plan(m, std::move(plan));
}

void begin_start_as_primary(Machine& m) {
  insist(m);
  begin_start(m);
}

void begin_start_as_secondary(Machine& m) {
  m.operator_hold = true;
  begin_start(m);
}

void begin_stopping(Machine& m) {
  if (m.phase == Phase::leaving_primary) owe_release(m);
  want_running(m, false);
  m.is_candidate = false;
  m.operator_hold = m.operator_insists = m.operator_forces = false;
  Plan plan = make_plan(m, ModuleState::stop, "stop");
  plan.steps.push_back(Step{.kind = StepKind::release_vip});  // of a former life, where prestart did not get that far
  append_stops(plan.steps, m.running, groups_of_none);
  append_poststop(plan.steps);
  append_release_data(plan.steps, m.policy);
  begin_plan(m, std::move(plan));
}

void settle_stopped(Machine& m) {
  m.desired.was_primary = false;
  m.waiting = {};
  request_persist(m);
}

void begin_election(Machine& m) {
  // Silence heard through a dead cable says nothing about the peer.
  if (m.waiting.block == BlockReason::interface_down) m.judge.listen_anew(m.now);
  m.waiting = {};
  ask_lan_before_leading(m);
}

void begin_waiting_after_leaving(Machine& m) {
  m.desired.was_primary = false;  // not before: a restart on the way out finds the application and the address
  if (m.phase == Phase::leaving_primary) owe_release(m);
  // What made it give way was seen by a primary, which adopts nothing; the next frame may be long in coming.
  if (m.peer) adopt_record(m, m.peer->record);
  adopt_record(m, m.witness.answer.record);
  m.waiting = {};
  m.waiting.block = m.leaving.block;
  m.waiting.block_text = m.leaving.block_text;
  m.waiting.needs_peer = m.leaving.block == BlockReason::isolated;
  if (m.leaving.block == BlockReason::service_failed) m.waiting.hold_until = m.now + hold_time(m);
  if (m.leaving.destination == Destination::electing) ask_lan_before_leading(m);
  // Nobody to yield to: every moment of waiting would be an outage.
  if (m.leaving.yields && m.leaving.destination == Destination::electing && peer_alive(m)) {
    m.waiting.yield_until = m.now + std::max<Duration>(m.policy.timeout, yield_min);
  }
  request_persist(m);
}

void block_on_interface(Machine& m) {
  m.waiting = Waiting{BlockReason::interface_down, {}, {}, {}};
}
void block_on_incompatible_peer(Machine& m) {
  m.waiting = Waiting{BlockReason::peer_incompatible, m.incompatible_text, {}, {}};
}
void block_on_operator_hold(Machine& m) {
  m.waiting = Waiting{BlockReason::operator_hold, {}, {}, {}};
}
void block_on_old_data(Machine& m) {
  m.waiting = Waiting{BlockReason::not_up_to_date, {}, {}, {}};
}

void block_on_first_start(Machine& m) {
  m.waiting = Waiting{BlockReason::first_start, {}, {}, {}};
}

void block_on_quorum(Machine& m) {
  m.waiting = Waiting{BlockReason::no_quorum, {}, {}, {}};
}

void leave_without_quorum(Machine& m) {
  leave_primary(m, {.destination = Destination::electing, .drops_vip_first = true, .action = "stopwait"});
}

void block_on_ping(Machine& m) {
  m.waiting = Waiting{BlockReason::isolated, {}, {}, {}};
}

void leave_isolated(Machine& m) {
  leave_primary(m, {.destination = Destination::blocked, .drops_vip_first = true, .action = "stopwait"});
  m.leaving.block = BlockReason::isolated;
}

void leave_second_isolated(Machine& m) {
  leave_second(m, Destination::blocked, "stopwait");
  m.leaving.block = BlockReason::isolated;
}

void block_on_full_disk(Machine& m) {
  m.waiting = Waiting{BlockReason::service_failed, m.plan_failure, m.now + hold_first, {}};
}

void end_yield(Machine& m) {
  m.waiting.yield_until.reset();
}

void heed_primary_on_lan(Machine& m) {
  m.lan.is_noted = true;
}

void insist(Machine& m) {
  m.operator_insists = true;
  m.operator_hold = false;
}

void hold_as_secondary(Machine& m) {
  m.operator_hold = true;
  m.operator_insists = false;
}

void begin_take_over(Machine& m) {
  const bool is_fenced_first = must_fence(m);
  m.tenure = {};
  begin_data_tenure(m);
  m.tenure.is_forced = m.operator_forces;
  m.tenure.epoch = next_epoch(m);
  m.waiting = {};
  m.is_candidate = m.operator_insists = m.operator_forces = false;
  m.guard_released.reset();
  Plan plan = make_plan(m, ModuleState::alone, "start");
  plan.steps.push_back(Step{.kind = StepKind::persist_tenure});
  if (m.policy.has_witness) plan.steps.push_back(Step{.kind = StepKind::obtain_quorum});
  m.fencing.stage = FenceStage::none;
  if (is_fenced_first) {
    begin_fencing(m);
    plan.steps.push_back(Step{.kind = StepKind::start_script, .script = ScriptKind::fence, .fails_plan = true});
  }
  plan.steps.push_back(Step{.kind = StepKind::acquire_vip});
  append_stops(plan.steps, m.running, groups_of_alone);
  if (m.policy.mirrors_data) plan.steps.push_back(Step{.kind = StepKind::lead_data});
  append_transition(plan.steps);
  append_starts(plan.steps, m.running, groups_of_alone);
  begin_plan(m, std::move(plan));
}

void abandon_take_over(Machine& m) {
  forget_promises(m);
  if (m.policy.mirrors_data) owe_release(m);
  m.plan_active = false;
  m.plan = {};
  m.waiting = {};
}

void settle_primary(Machine& m) {
  m.last_script_failure.clear();
  m.tenure.second_ready_since.reset();
}

void welcome_secondary(Machine& m) {
  Plan plan = make_plan(m, ModuleState::prim, "start");
  plan.from = ModuleState::alone;
  append_stops(plan.steps, m.running, groups_of_prim);
  append_transition(plan.steps);
  begin_plan(m, std::move(plan));
}

void continue_alone(Machine& m) {
  m.tenure.second_ready_since.reset();
  Plan plan = make_plan(m, ModuleState::alone, "start");
  plan.from = ModuleState::prim;
  append_transition(plan.steps);
  append_starts(plan.steps, m.running, groups_of_alone);
  begin_plan(m, std::move(plan));
}

void renumber_tenure(Machine& m) {
  propose(m, Record{next_epoch(m), Revision{0}, m.policy.self, newest_wish(m).sync_set});
}

void begin_restart(Machine& m) {
  const GroupSet role = m.running.sec ? groups_of_alone : groups_of_prim;
  Plan plan = make_plan(m, module_state(m), "restart");
  append_stops(plan.steps, m.running, groups_of_none);
  append_starts(plan.steps, groups_of_none, role);
  take_restart(m);
  begin_plan(m, std::move(plan));
}

void leave_for_newer_primary(Machine& m) {
  mark_divergence(m);
  leave_primary(m, {.destination = Destination::electing, .drops_vip_first = true, .action = "stopstart"});
}

void leave_for_interface(Machine& m) {
  // The VIP goes first: with the cable back in the middle of a slow stop script, two nodes would answer for it.
  leave_primary(m,
                {.destination = Destination::blocked, .yields = true, .drops_vip_first = true, .action = "stopwait"});
  m.leaving.block = BlockReason::interface_down;
}

void leave_to_deaf_peer(Machine& m) {
  leave_primary(m,
                {.destination = Destination::electing, .yields = true, .drops_vip_first = true, .action = "stopstart"});
}

void leave_for_swap(Machine& m) {
  leave_primary(m, {.destination = Destination::electing, .yields = true, .action = "swap"});
}

void leave_for_fall_back(Machine& m) {
  m.tenure.fell_back = true;
  m.tenure.fell_back_to = m.peer->incarnation;
  leave_for_swap(m);
}

void leave_to_stop(Machine& m) {
  want_running(m, false);
  leave_primary(m, {.destination = Destination::stopped, .yields = true, .lets_script_end = true, .action = "stop"});
}

void leave_by_budget(Machine& m) {
  leave_to_stop(m);
}

void leave_for_stopstart(Machine& m) {
  leave_primary(m, {.destination = Destination::electing, .yields = true, .action = "stopstart"});
}

void leave_after_failed_start(Machine& m) {
  const std::string failure = m.plan_failure;
  take_restart(m);
  leave_primary(m, {.destination = Destination::blocked, .yields = true, .action = "stopstart"});
  m.leaving.block = BlockReason::service_failed;
  m.leaving.block_text = failure;
}

void drop_vip_now(Machine& m) {
  revoke_permit(m);
  emit(m, ReleaseVip{make_token(m)});
}

void stop_after_leaving(Machine& m) {
  want_running(m, false);
  m.leaving.destination = Destination::stopped;
}

void begin_joining(Machine& m) {
  m.desired.was_primary = false;
  m.waiting = {};
  m.is_candidate = m.operator_insists = m.operator_forces = m.operator_hold = false;
  doubt_until_heard(m);
  Plan plan = make_plan(m, ModuleState::second, "start");
  append_stops(plan.steps, m.running, groups_of_second);
  append_transition(plan.steps);
  if (m.policy.mirrors_data) plan.steps.push_back(Step{.kind = StepKind::follow_data});
  append_starts(plan.steps, m.running, groups_of_second);
  begin_plan(m, std::move(plan));
}

void settle_second(Machine& m) {
  m.last_script_failure.clear();
}

void wish_for_swap(Machine& m) {
  ++m.wish_id;
  m.beat_wanted = true;
}

void leave_second_to_stop(Machine& m) {
  want_running(m, false);
  leave_second(m, Destination::stopped, "stop");
}

void leave_second_by_budget(Machine& m) {
  leave_second_to_stop(m);
}

void leave_second_to_rejoin(Machine& m) {
  take_restart(m);
  leave_second(m, Destination::electing, "restart");
  // The scripts of every role are run again, not only those that the waiting role lacks.
  m.plan.steps.clear();
  append_stops(m.plan.steps, m.running, groups_of_none);
  append_release_data(m.plan.steps, m.policy);
}

void leave_second_after_failed_start(Machine& m) {
  const std::string failure = m.plan_failure;
  take_restart(m);
  leave_second(m, Destination::blocked, "stopstart");
  m.leaving.block = BlockReason::service_failed;
  m.leaving.block_text = failure;
}

void leave_second_blocked(Machine& m) {
  // Whatever else blocks it now: once that has passed, a node that followed still waits for the operator.
  const BlockReason block = m.policy.failover ? why_not_promotable(m) : BlockReason::failover_off;
  leave_second(m, Destination::blocked, "stopwait");
  m.leaving.block = block;
  m.leaving.block_text = block == BlockReason::peer_incompatible ? m.incompatible_text : std::string{};
}

}  // namespace clusteragent::core
