#include "agent/core/machine.hpp"

#include <algorithm>
#include <utility>

#include "agent/base/assert.hpp"
#include "agent/core/names.hpp"

namespace clusteragent::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A link that bounces for less than this is no failure: switches renegotiate, and the peer would not notice either.
constexpr Duration link_settle_max = seconds{1};

}  // namespace

std::string_view name_of(Phase phase) {
  switch (phase) {
    case Phase::stopped:
      return "stopped";
    case Phase::prestarting:
      return "prestarting";
    case Phase::electing:
      return "electing";
    case Phase::blocked:
      return "blocked";
    case Phase::taking_over:
      return "taking_over";
    case Phase::alone:
      return "alone";
    case Phase::prim:
      return "prim";
    case Phase::restarting:
      return "restarting";
    case Phase::leaving_primary:
      return "leaving_primary";
    case Phase::joining:
      return "joining";
    case Phase::second:
      return "second";
    case Phase::leaving_second:
      return "leaving_second";
    case Phase::stopping:
      return "stopping";
  }
  CLUSTERAGENT_ASSERT(false);
}

Machine::Machine(Policy given, const DurableState& loaded, Instant at)
    : policy{std::move(given)},
      now{at},
      since{at},
      reason{"the agent started"},
      budget{policy.restarts_max, policy.restart_window, loaded.restarts_used, loaded.restart_window_left, at},
      durable{loaded},
      desired{loaded},
      epoch_floor{highest_epoch_of(loaded)},
      judge{policy.pulse, policy.timeout, at},
      next_beat_at{at},
      last_beat_at{at},
      awake_since{at},
      due_at{at} {
  sync.is_proposal_inherited = loaded.proposal.has_value();
  // A former life may have left the application running; only prestart proves the contrary.
  runs_service = loaded.was_primary;
  // Neither is the virtual IP known to be gone: the guard may have died as well.
  holds_vip = loaded.was_primary && policy.has_vip;
  tenure.is_revoked = true;
  lan.next_number = policy.jitter_seed;
  reader.began = at;
  if (loaded.promise_left > Duration::zero()) announcement.hold_until = at + loaded.promise_left;
  load_maintenance(*this, loaded);
  for (const auto& name : policy.checked_interfaces) links[name] = LinkState{true, at};
}

Token make_token(Machine& m) {
  return Token{m.next_token++};
}

void emit(Machine& m, Action action) {
  m.out->push_back(std::move(action));
}

void note(Machine& m, Severity severity, std::string text) {
  emit(m, Note{severity, std::move(text)});
}

ModuleState module_state(const Machine& m) {
  const bool has_secondary = peer_alive(m) && m.peer->state == ModuleState::second;
  switch (m.phase) {
    case Phase::stopped:
      return ModuleState::stop;
    case Phase::prestarting:
    case Phase::electing:
    case Phase::blocked:
    case Phase::stopping:
      return ModuleState::wait;
    case Phase::taking_over:
      return is_proposal(m) ? ModuleState::wait : ModuleState::alone;
    case Phase::alone:
      return ModuleState::alone;
    case Phase::prim:
      return ModuleState::prim;
    case Phase::leaving_primary:
      // A proposal that is given up was never a primary.
      if (m.policy.has_witness && !m.tenure.is_elected && !m.holds_vip && !m.runs_service) return ModuleState::wait;
      return has_secondary ? ModuleState::prim : ModuleState::alone;
    case Phase::restarting:
      return has_secondary ? ModuleState::prim : ModuleState::alone;
    case Phase::joining:
    case Phase::second:
    case Phase::leaving_second:
      return ModuleState::second;
  }
  CLUSTERAGENT_ASSERT(false);
}

Activity activity(const Machine& m) {
  switch (m.phase) {
    case Phase::stopped:
    case Phase::blocked:
      return Activity::not_ready;
    case Phase::alone:
    case Phase::prim:
    case Phase::second:
      return Activity::ready;
    default:
      return Activity::transient;
  }
}

bool peer_lost(const Machine& m) {
  return m.judge.is_silent(m.now) || m.judge.is_process_gone(m.now);
}

bool peer_alive(const Machine& m) {
  return m.peer.has_value() && !peer_lost(m) && !m.peer_is_incompatible;
}

bool links_are_up(const Machine& m) {
  const Duration settle = std::min(m.policy.timeout / 2, link_settle_max);
  return std::all_of(m.links.begin(), m.links.end(),
                     [&](const auto& entry) { return entry.second.has_link || m.now - entry.second.since < settle; });
}

// The peer counts the timeout from when it received a frame, which is after this node sent it and armed the permit. The
// margin covers the kernel's timer granularity (4 ms at HZ=250, twice because the timeout is rounded up) and clocks
// that differ by up to 3 %.
Duration permit_lease(const Policy& policy) {
  const Duration margin = milliseconds{10} + policy.timeout / 32;
  return std::max(policy.timeout - margin, policy.timeout / 3);
}

Epoch next_epoch(const Machine& m) {
  std::uint64_t highest = std::max(highest_epoch_of(m.durable).value(), highest_epoch_of(m.desired).value());
  highest = std::max(highest, m.epoch_floor.value());
  if (m.peer) highest = std::max({highest, m.peer->record.epoch.value(), m.peer->voted.value()});
  std::uint64_t next = highest + 1;
  if ((next & 1U) != m.policy.self.value()) ++next;
  return Epoch{next};
}

BlockReason why_not_promotable(const Machine& m) {
  if (m.phase == Phase::stopped || m.phase == Phase::stopping) return BlockReason::not_running;
  if (m.phase == Phase::prestarting) return BlockReason::starting;
  if (leaving_phases.contains(m.phase)) {
    return m.leaving.block == BlockReason::none ? BlockReason::starting : m.leaving.block;
  }
  if (m.peer_is_incompatible) return BlockReason::peer_incompatible;
  if (!m.desired.record.sync_set.contains(m.policy.self)) return BlockReason::not_up_to_date;
  if (is_first_start(m)) return BlockReason::first_start;
  if (is_undecided(m)) return BlockReason::undecided;
  if (!links_are_up(m)) return BlockReason::interface_down;
  if (m.operator_hold) return BlockReason::operator_hold;
  if (secondary_phases.contains(m.phase) && !m.policy.failover) return BlockReason::failover_off;
  if (waiting_phases.contains(m.phase) && m.waiting.block != BlockReason::none) return m.waiting.block;
  const bool would_lead = waiting_phases.contains(m.phase) || secondary_phases.contains(m.phase);
  if (would_lead && is_frozen(m)) return BlockReason::maintenance;
  return BlockReason::none;
}

}  // namespace clusteragent::core
