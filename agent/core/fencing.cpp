#include "agent/core/fencing.hpp"

#include <algorithm>

#include "agent/core/effects.hpp"

namespace clusteragent::core {
namespace {

using std::chrono::seconds;

// A switch that refuses is asked again soon at first, because every moment is an outage, and then as often as an
// operator who repairs it wants to wait.
constexpr Duration retry_first = seconds{2};
constexpr Duration retry_max = seconds{60};

Duration retry_after(std::uint32_t failures) {
  constexpr std::uint32_t doublings_max = 5;
  return std::min(retry_first * (1 << std::min(failures - 1, doublings_max)), retry_max);
}

// What was written and promised for a tenure that never began.
void give_back(Machine& m) {
  forget_promises(m);
  owe_release(m);
  m.tenure.mute_since.reset();
  m.tenure.confirm_beat.reset();
  m.tenure.is_elected = false;
  m.desired.was_primary = false;
  request_persist(m);
}

}  // namespace

bool must_fence(const Machine& m) {
  return m.policy.has_script[static_cast<std::size_t>(ScriptKind::fence)] && !m.operator_forces && !peer_grants(m);
}

bool is_fencing(const Machine& m) {
  return m.phase == Phase::taking_over && m.fencing.stage != FenceStage::none;
}

bool fencing_is_over(const Machine& m) {
  if (!is_fencing(m)) return false;
  // By the time of its frames, not by the judge: a stall of this process forgets the silence and says nothing.
  const bool is_heard = (m.peer && m.peer_heard_at > m.fencing.begun_at) || m.peer_is_incompatible;
  const bool is_outvoted = m.tenure.mute_since && m.now - *m.tenure.mute_since >= m.policy.timeout / 4;
  return is_heard || is_outvoted || !links_are_up(m);
}

FenceTarget fence_target(const Machine& m) {
  return FenceTarget{m.policy.node_names[m.policy.peer().value()], m.tenure.epoch, m.reason};
}

void begin_fencing(Machine& m) {
  m.fencing.stage = FenceStage::owed;
  m.fencing.begun_at = m.now;
}

void on_fence_script_end(Machine& m, bool is_success) {
  m.fencing.stage = is_success ? FenceStage::succeeded : FenceStage::failed;
  // Votes that were counted before a long script are counted again, with time of their own.
  m.tenure.quorum_wanted_since.reset();
  if (!is_success) return;
  m.fencing.failures = 0;
  note(m, Severity::event, m.policy.node_names[m.policy.peer().value()] + " is fenced");
}

bool may_pass_fence(Machine& m) {
  if (m.fencing.stage == FenceStage::none) return true;
  if (m.fencing.stage != FenceStage::succeeded || !peer_lost(m)) return false;
  m.fencing.stage = FenceStage::none;
  m.beat_wanted = true;
  return true;
}

void abandon_fencing(Machine& m) {
  cancel_plan_script(m);
  abandon_take_over(m);
  give_back(m);
}

void stop_while_fencing(Machine& m) {
  abandon_fencing(m);
  begin_stopping(m);
}

void take_over_unfenced(Machine& m) {
  m.operator_forces = true;
  m.reason = "DATA RISK: the operator forced this node to become primary before the other one was fenced";
  begin_take_over(m);
}

void block_on_fence(Machine& m) {
  ++m.fencing.failures;
  m.waiting = Waiting{BlockReason::fence_failed, m.plan_failure, m.now + retry_after(m.fencing.failures), {}};
  give_back(m);
}

}  // namespace clusteragent::core
