// Carries a plan out, one step after the other. A step that needs an answer holds the plan until ActionFinished; steps
// that need none are emitted in the same go.
#include "agent/base/assert.hpp"
#include "agent/core/facts.hpp"
#include "agent/core/machine.hpp"
#include "agent/core/names.hpp"

namespace clusteragent::core {
namespace {

void mark_started(Machine& m, ScriptKind script) {
  switch (script) {
    case ScriptKind::start_both:
      m.running.both = true;
      break;
    case ScriptKind::start_prim:
      m.running.prim = true;
      m.runs_service = true;
      break;
    case ScriptKind::start_second:
      m.running.second = true;
      break;
    case ScriptKind::start_sec:
      m.running.sec = true;
      break;
    default:
      break;
  }
}

void mark_stopped(Machine& m, ScriptKind script) {
  switch (script) {
    case ScriptKind::stop_both:
      m.running.both = false;
      break;
    case ScriptKind::stop_prim:
    case ScriptKind::prestart:
      m.running.prim = false;
      m.runs_service = false;
      break;
    case ScriptKind::stop_second:
      m.running.second = false;
      break;
    case ScriptKind::stop_sec:
      m.running.sec = false;
      break;
    default:
      break;
  }
}

/// The other node is ready and asked to lead: what the application still writes is not in anybody's way.
bool is_handed_over(const Machine& m) {
  return m.phase == Phase::leaving_primary && m.leaving.hands_over && gather_facts(m).peer_can_take_over;
}

Duration limit_of(const Machine& m, const Step& step) {
  if (step.script == ScriptKind::fence) return m.policy.fence_limit;
  if (step.kind == StepKind::start_script) return m.policy.start_limit;
  return step.is_force ? m.policy.force_limit : m.policy.stop_limit;
}

/// True when the plan has to wait for the script's end.
bool issue_script(Machine& m, const Step& step) {
  if (step.kind == StepKind::start_script) mark_started(m, step.script);
  if (!m.policy.has_script[static_cast<std::size_t>(step.script)]) {
    if (step.kind == StepKind::stop_script || step.script == ScriptKind::prestart) mark_stopped(m, step.script);
    return false;
  }
  m.awaited = make_token(m);
  RunScript run{*m.awaited, step.script, step.is_force, m.plan.from, m.plan.to, m.plan.action, limit_of(m, step)};
  if (step.script == ScriptKind::fence) {
    m.fencing.stage = FenceStage::running;
    run.fence = fence_target(m);
  }
  emit(m, std::move(run));
  return true;
}

void issue_acquire(Machine& m) {
  m.awaited = make_token(m);
  m.holds_vip = true;
  m.permit_until = promised_until(m);
  CLUSTERAGENT_ASSERT(m.permit_until && *m.permit_until > m.now);
  emit(m, SetPermit{m.tenure.epoch, *m.permit_until});
  emit(m, AcquireVip{*m.awaited, m.tenure.epoch});
}

void issue_release(Machine& m) {
  revoke_permit(m);
  m.awaited = make_token(m);
  emit(m, ReleaseVip{*m.awaited});
}

enum class Issue : std::uint8_t { done, waits };

Issue issue(Machine& m, const Step& step) {
  switch (step.kind) {
    case StepKind::persist_tenure:
      if (m.tenure.is_durable) return Issue::done;
      m.persist_failure.clear();
      m.desired.was_primary = true;
      m.tenure.was_shared = m.desired.record.sync_set == NodeSet::both();
      propose_tenure(m);
      return Issue::waits;
    case StepKind::obtain_quorum:
      return Issue::done;
    case StepKind::lead_data:
      m.awaited = make_token(m);
      lead_data(m, *m.awaited);
      return Issue::waits;
    case StepKind::follow_data:
      m.awaited = make_token(m);
      emit(m, FollowData{*m.awaited, m.desired.record.epoch, m.desired.diverged_epoch});
      return Issue::waits;
    case StepKind::release_data:
      m.awaited = make_token(m);
      emit(m, ReleaseData{*m.awaited, is_handed_over(m)});
      return Issue::waits;
    case StepKind::share_data:
      return Issue::done;
    case StepKind::acquire_vip:
      if (!m.policy.has_vip) return Issue::done;
      issue_acquire(m);
      return Issue::waits;
    case StepKind::release_vip:
      if (!m.holds_vip) return Issue::done;
      issue_release(m);
      return Issue::waits;
    case StepKind::start_script:
    case StepKind::stop_script:
      return issue_script(m, step) ? Issue::waits : Issue::done;
    case StepKind::arm:
      emit(m, ArmWatch{step.watch_class});
      return Issue::done;
    case StepKind::disarm:
      emit(m, DisarmWatch{step.watch_class});
      return Issue::done;
  }
  CLUSTERAGENT_ASSERT(false);
}

bool is_script(const Step& step) {
  return step.kind == StepKind::start_script || step.kind == StepKind::stop_script;
}

std::string script_failure(const Step& step, const ActionFinished& finished) {
  std::string text{name_of(step.script)};
  if (step.is_force) text += " force";
  text += finished.outcome == Outcome::timed_out ? " did not end in time and was killed" : " failed";
  if (!finished.detail.empty()) text += ": " + finished.detail;
  return text;
}

void take_script_end(Machine& m, const Step step, const ActionFinished& finished) {
  const bool ok = finished.outcome == Outcome::success;
  if (!ok) {
    m.last_script_failure = script_failure(step, finished);
    note(m, Severity::critical, m.last_script_failure);
  }
  if (step.kind == StepKind::stop_script) {
    if (!ok && !step.is_force) {
      Step again = step;
      again.is_force = true;
      m.plan.steps.insert(m.plan.steps.begin() + static_cast<std::ptrdiff_t>(m.plan.next), again);
      return;
    }
    mark_stopped(m, step.script);
    return;
  }
  if (ok && step.script == ScriptKind::prestart) mark_stopped(m, step.script);
  if (step.script == ScriptKind::fence) on_fence_script_end(m, ok);
  if (!ok && step.fails_plan) m.plan_failure = m.last_script_failure;
}

void orphan_plan_script(Machine& m, bool lets_script_end) {
  if (!m.plan_active || !m.awaited || m.plan.next == 0 || !is_script(m.plan.steps[m.plan.next - 1])) return;
  CLUSTERAGENT_ASSERT(!m.orphan_script);
  m.orphan_script = m.awaited;
  if (!lets_script_end) emit(m, CancelScript{*m.awaited});
}

// Until then the record says that this node alone has everything, and the other one could not take the role back.
void undo_lead(Machine& m, std::string reason) {
  m.sync.undo_reason = std::move(reason);
  m.sync.is_leading = false;
  m.plan.steps.resize(m.plan.next);
  append_release_data(m.plan.steps, m.policy);
  m.plan.steps.push_back(Step{.kind = StepKind::share_data});
}

enum class Votes : std::uint8_t { there, awaited, refused };

// The peer answers a probe at once; the witness is asked at the end of this step and again and again.
Votes count_votes(Machine& m) {
  if (m.tenure.is_forced) accept_own_proposal(m);
  if (has_quorum(m) && is_own_record(m)) {
    m.tenure.is_elected = true;
    return Votes::there;
  }
  if (!m.tenure.quorum_wanted_since) {
    m.tenure.quorum_wanted_since = m.now;
    m.witness.next_ask_at = m.now;
    send_beat(m, true);
  }
  if (m.tenure.is_refused && !peer_alive(m)) {
    m.plan_failure = "the witness did not vote for this node";
    return Votes::refused;
  }
  if (m.now - *m.tenure.quorum_wanted_since < 2 * m.policy.timeout) return Votes::awaited;
  m.plan_failure = "neither the other node nor the witness agreed in time";
  return Votes::refused;
}

}  // namespace

void begin_plan(Machine& m, Plan plan, bool lets_script_end) {
  orphan_plan_script(m, lets_script_end);
  m.plan = std::move(plan);
  m.plan_active = true;
  m.awaited.reset();
  m.plan_failure.clear();
}

void cancel_plan_script(Machine& m) {
  orphan_plan_script(m, false);
  m.awaited.reset();
}

PlanEnd advance_plan(Machine& m) {
  while (m.plan_failure.empty() && !m.awaited && !m.plan.is_finished()) {
    const Step step = m.plan.steps[m.plan.next];
    if (is_script(step) && m.orphan_script) return PlanEnd::running;
    // Stood still meanwhile, or no promise lives: until somebody's word is there, nothing new is begun.
    const bool begins =
        step.kind == StepKind::start_script || step.kind == StepKind::acquire_vip || step.kind == StepKind::lead_data;
    const bool is_in_doubt = m.tenure.confirm_beat || m.tenure.mute_since;
    if (begins && is_in_doubt && primary_phases.contains(m.phase)) return PlanEnd::running;
    if (step.kind == StepKind::persist_tenure && m.persist_token) return PlanEnd::running;
    if (step.kind == StepKind::persist_tenure && !m.persist_failure.empty() &&
        highest_epoch_of(m.desired) == m.tenure.epoch) {
      m.plan_failure = "the new epoch cannot be written: " + m.persist_failure;
      m.desired.record = m.durable.record;
      m.desired.proposal = m.durable.proposal;
      m.desired.was_primary = m.durable.was_primary;
      break;
    }
    if (step.kind == StepKind::obtain_quorum || (step.kind == StepKind::acquire_vip && m.policy.has_witness)) {
      const Votes votes = count_votes(m);
      if (votes == Votes::awaited) return PlanEnd::running;
      if (votes == Votes::refused) break;
    }
    if (step.kind == StepKind::share_data) {
      if (awaits_sharing(m)) return PlanEnd::running;
      m.plan_failure = m.sync.undo_reason;
      break;
    }
    if (step.kind == StepKind::acquire_vip && !may_pass_fence(m)) return PlanEnd::running;
    if (issue(m, step) == Issue::waits && step.kind == StepKind::persist_tenure) return PlanEnd::running;
    ++m.plan.next;
  }
  if (!m.plan_failure.empty()) {
    m.plan_active = false;
    return PlanEnd::failed;
  }
  if (m.awaited || !m.plan.is_finished()) return PlanEnd::running;
  m.plan_active = false;
  return PlanEnd::finished;
}

bool on_step_finished(Machine& m, const ActionFinished& finished) {
  if (m.orphan_script == finished.token) {
    m.orphan_script.reset();
    return true;
  }
  if (!m.plan_active || m.awaited != finished.token) return false;
  m.awaited.reset();
  CLUSTERAGENT_ASSERT(m.plan.next > 0);
  const Step step = m.plan.steps[m.plan.next - 1];
  if (is_script(step)) {
    take_script_end(m, step, finished);
  } else if (step.kind == StepKind::release_vip) {
    m.holds_vip = false;
    m.beat_wanted = true;
    if (finished.outcome != Outcome::success) {
      note(m, Severity::critical, "the virtual IP could not be removed (" + finished.detail + "); the kernel mutes it");
    }
  } else if (finished.outcome != Outcome::success) {
    const bool is_of_data = step.kind != StepKind::acquire_vip;
    if (step.kind == StepKind::release_data) {
      note(m, Severity::critical, "the data could not be let go: " + finished.detail);
      return true;
    }
    const std::string failure =
        (is_of_data ? "the data could not be made ready: " : "the virtual IP could not be set: ") + finished.detail;
    if (step.kind == StepKind::lead_data && can_undo_lead(m, finished)) {
      undo_lead(m, failure);
    } else {
      m.plan_failure = failure;
    }
  }
  return true;
}

}  // namespace clusteragent::core
