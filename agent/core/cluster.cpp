#include "agent/core/cluster.hpp"

#include <algorithm>
#include <utility>

#include "agent/base/assert.hpp"
#include "agent/core/divergence.hpp"
#include "agent/core/machine.hpp"
#include "agent/core/names.hpp"
#include "agent/core/steadiness.hpp"
#include "agent/core/transition_table.hpp"

namespace clusteragent::core {
namespace {

using std::chrono::milliseconds;

// A step that goes round more often than this would be a loop in the table; the longest real chain is a stop of a
// primary without scripts: leaving, stopping, stopped, each with its plan.
constexpr int rounds_max = 16;
// Answers to probes between two pulses: enough for a whole burst, too few to be used against a third party.
constexpr std::uint32_t answers_max = 24;
constexpr int frames_per_answer = 3;
constexpr Duration reacquire_after = milliseconds{500};

std::string_view lost_how(const Machine& m) {
  return m.judge.is_process_gone(m.now) ? "its agent is gone" : "no heartbeat on any path";
}

std::string silence_text(const Machine& m) {
  const auto silence = to_milliseconds(m.judge.silence(m.now));
  return silence >= 10000 ? std::to_string(silence / 1000) + " s" : std::to_string(silence) + " ms";
}

std::string why_text(const Machine& m) {
  if (!m.leaving.block_text.empty() && (m.phase == Phase::blocked || leaving_phases.contains(m.phase))) {
    return m.leaving.block_text;
  }
  if (primary_phases.contains(m.phase)) {
    if (m.peer && peer_lost(m)) return std::string{lost_how(m)};
    if (!peer_alive(m)) return m.policy.node_names[m.policy.peer().value()] + " is not heard";
    if (m.peer->state != ModuleState::second) {
      return m.policy.node_names[m.policy.peer().value()] + " is in " + std::string{name_of(m.peer->state)};
    }
    return std::string{describe(m.peer->blocked)};
  }
  const BlockReason block = leaving_phases.contains(m.phase) ? m.leaving.block : why_not_promotable(m);
  return std::string{describe(block)};
}

std::string witness_text(const Machine& m) {
  if (!m.witness.heard_at || (m.witness.silent_since && m.now - *m.witness.silent_since >= m.policy.timeout)) {
    return "does not answer";
  }
  return std::string{describe(m.witness.answer.refusal)};
}

std::string expand(const Machine& m, std::string_view text) {
  std::string expanded;
  while (!text.empty()) {
    const auto open = text.find('{');
    expanded += text.substr(0, open);
    if (open == std::string_view::npos) break;
    const auto close = text.find('}', open);
    CLUSTERAGENT_ASSERT(close != std::string_view::npos);
    const std::string_view key = text.substr(open + 1, close - open - 1);
    if (key == "peer")
      expanded += m.policy.node_names[m.policy.peer().value()];
    else if (key == "self")
      expanded += m.policy.node_names[m.policy.self.value()];
    else if (key == "silence")
      expanded += silence_text(m);
    else if (key == "detail")
      expanded += m.detail;
    else if (key == "witness")
      expanded += witness_text(m);
    else if (key == "why")
      expanded += why_text(m);
    else
      CLUSTERAGENT_ASSERT(false);
    text.remove_prefix(close + 1);
  }
  return expanded;
}

void apply(Machine& m, const TransitionRow& row) {
  const auto state_before = module_state(m);
  const auto activity_before = activity(m);
  const std::string reason = expand(m, row.reason);
  if (!row.log_line.empty()) note(m, Severity::event, std::string{row.log_line});
  count_role_change(m, row);
  if (row.effect != nullptr) row.effect(m);
  if (row.to && *row.to != m.phase) {
    m.phase = *row.to;
    m.reason = reason;
  } else if (row.effect != nullptr && !reason.empty() && row.answer != Answer::refuse) {
    note(m, Severity::info, reason);
  }
  m.last_row = static_cast<std::uint32_t>(&row - transition_table().data());
  m.step_rows.push_back(m.last_row);
  if (module_state(m) != state_before || activity(m) != activity_before) {
    m.since = m.now;
    m.beat_wanted = true;
    note(m, Severity::event,
         "Local state " + std::string{name_of(module_state(m))} + " " + std::string{name_of(activity(m))} + ": " +
             m.reason);
  } else if (row.to) {
    m.beat_wanted = true;
  }
}

/// True when a row was applied.
bool trigger(Machine& m, Trigger on) {
  const TransitionRow* row = find_row(m.phase, on, gather_facts(m));
  if (row == nullptr) return false;
  apply(m, *row);
  return true;
}

void settle(Machine& m) {
  for (int round = 0; round < rounds_max; ++round) {
    update_candidacy(m);
    if (m.plan_active) {
      const PlanEnd end = advance_plan(m);
      if (end == PlanEnd::failed) {
        m.detail = m.plan_failure;
        m.counts_restart = true;
        trigger(m, Trigger::plan_failed);
        continue;
      }
      if (end == PlanEnd::finished) {
        trigger(m, Trigger::plan_done);
        continue;
      }
    }
    if (!trigger(m, Trigger::facts)) return;
  }
  CLUSTERAGENT_ASSERT(!"the transition table goes in circles");
}

// ---- what must be true before anything else is looked at

void ask_for_confirmation(Machine& m) {
  m.reacquire_at.reset();  // the answer sets the address again, or nothing may
  m.tenure.confirm_beat = m.beat + 1;
  m.tenure.confirm_asked_at = m.now;
  m.judge.listen_anew(m.now);
  send_beat(m, true);
}

// With a witness nobody needs to be asked whether the role was lost: promises say it.
void check_promises(Machine& m) {
  if (!m.tenure.is_elected || m.tenure.is_revoked) return;
  if (!has_quorum(m) && !m.tenure.mute_since) {
    if (m.phase == Phase::leaving_primary) return revoke_permit(m);
    if (!primary_phases.contains(m.phase)) return;
    note(m, Severity::critical,
         "no promise of the other node or the witness lives any more; the virtual IP is mute until one is renewed");
    m.permit_until.reset();
    m.reacquire_at.reset();
    m.tenure.mute_since = m.now;
    m.witness.next_ask_at = m.now;
    send_beat(m, true);
  }
  if (!m.tenure.mute_since || !has_quorum(m) || !primary_phases.contains(m.phase) || is_superseded(m)) return;
  m.tenure.mute_since.reset();
  note(m, Severity::event, "the role is confirmed; the virtual IP answers again");
  renew_permit(m);
  if (m.holds_vip) reacquire_vip(m);
  m.beat_wanted = true;
}

void check_permit(Machine& m) {
  if (m.policy.has_witness) return check_promises(m);
  if (m.phase == Phase::taking_over && !m.holds_vip) {
    // Stood still on the way: what allowed the take-over is as old as the stall, so it is asked for again.
    if (m.now < m.last_beat_at + permit_lease(m.policy)) return;
    ask_for_confirmation(m);
    return;
  }
  if (!m.holds_vip || !m.permit_until || m.now < *m.permit_until || !m.tenure.is_durable) return;
  if (m.phase == Phase::leaving_primary) {
    // On the way out there is nothing to confirm: what lapsed stays lapsed.
    revoke_permit(m);
    return;
  }
  note(m, Severity::critical,
       "this agent stood still for " +
           std::to_string(to_milliseconds(m.now - *m.permit_until + permit_lease(m.policy))) +
           " ms and its permit lapsed; the virtual IP is mute until the peer confirms that it did not take over");
  m.permit_until.reset();
  ask_for_confirmation(m);
}

void check_confirmation(Machine& m) {
  if (!m.tenure.confirm_beat || !primary_phases.contains(m.phase) || is_superseded(m)) return;
  const bool peer_confirms = peer_alive(m) && m.peer->heard_incarnation == m.policy.incarnation &&
                             m.peer->heard_beat >= *m.tenure.confirm_beat && !is_primary(m.peer->state);
  // That the peer's agent is gone is not enough: it may have taken over before it died, and its kernel answers still.
  if (!peer_confirms && !m.judge.is_silent(m.now)) return;
  if (peer_confirms && m.now >= m.tenure.confirm_asked_at + permit_lease(m.policy)) {
    // Stood still again while the answer waited: it has grown as old as the permit that lapsed.
    ask_for_confirmation(m);
    return;
  }
  m.tenure.confirm_beat.reset();
  if (!peer_confirms && is_undecided(m)) {
    m.tenure.is_superseded = true;
    return;
  }
  accept_without_witness(m);
  if (!m.holds_vip) return;
  note(m, Severity::event,
       peer_confirms ? "the peer confirms that it did not take over; the virtual IP answers again"
                     : "the peer is not heard; the virtual IP answers again");
  reacquire_vip(m);
  m.beat_wanted = true;
  m.announce_when_peer_lets_go = true;
}

// ---- the peer

void note_peer(Machine& m, const PeerStatus* before) {
  const PeerStatus& status = *m.peer;
  if (m.noted_peer_state != status.state || m.noted_peer_activity != status.activity) {
    m.noted_peer_state = status.state;
    m.noted_peer_activity = status.activity;
    note(m, Severity::event,
         "Remote state " + std::string{name_of(status.state)} + " " + std::string{name_of(status.activity)});
  }
  const bool mismatch = status.config_hash != m.policy.config_hash;
  if (mismatch && !m.noted_config_mismatch) {
    note(m, Severity::critical,
         "the configurations of the two nodes differ; compare them with clusteragent config show "
         "on both nodes");
  }
  m.noted_config_mismatch = mismatch;
  if (primary_phases.contains(m.phase) && m.holds_vip) {
    const bool rival = is_primary(status.state) && status.holds_vip;
    const bool returned = before == nullptr || before->incarnation != status.incarnation || m.peer_was_lost;
    if (rival && !m.announce_when_peer_lets_go) {
      note(m, Severity::critical, "split brain: both nodes are primary; the newer epoch stays");
    }
    if (rival) m.announce_when_peer_lets_go = true;
    // keepalived's most reported complaint: after a conflict nobody announces, and clients stay with the loser.
    if (returned || (m.announce_when_peer_lets_go && !rival)) {
      emit(m, AnnounceVip{});
      m.announce_when_peer_lets_go = rival;
    }
  }
  m.peer_was_lost = false;
}

void on_wish(Machine& m) {
  if (m.peer->wish_id == 0 || m.peer->wish_id == m.granted_wish_id) return;
  const bool is_new_life = m.granted_wish_id == 0 && m.beat == 0;
  m.granted_wish_id = m.peer->wish_id;
  if (is_new_life) return;
  m.detail = "Action swap called by the administrator on " + m.policy.node_names[m.policy.peer().value()];
  m.counts_restart = false;
  note(m, Severity::user, m.detail);
  trigger(m, Trigger::op_swap);
}

void answer_probe(Machine& m) {
  for (int copy = 0; copy < frames_per_answer && m.answers_left > 0; ++copy, --m.answers_left) send_beat(m, false);
}

void on_frame(Machine& m, const PeerStatus& status) {
  if (status.node != m.policy.peer()) return;
  if (m.peer && m.peer->incarnation == status.incarnation && status.beat <= m.peer->beat) return;
  const bool wakes_candidate = status.is_candidate && (!m.peer || !m.peer->is_candidate);
  const std::optional<PeerStatus> before = m.peer;
  if (before && before->incarnation != status.incarnation) m.granted_wish_id = 0;
  m.peer = status;
  m.peer_heard_at = m.now;
  m.peer_is_incompatible = false;
  m.judge.heard(m.now);
  forget_peer_on_lan(m);
  if (is_primary(status.state)) m.guard_released.reset();
  take_acceptance(m, status.record);
  adopt_record(m, status.record);
  vote_for_peer(m);
  note_peer(m, before ? &*before : nullptr);
  if (status.state == ModuleState::second && status.activity == Activity::ready) {
    if (!m.tenure.second_ready_since) m.tenure.second_ready_since = m.now;
  } else {
    m.tenure.second_ready_since.reset();
  }
  on_wish(m);
  take_reader_ack(m);
  take_peer_promise(m);
  take_peer_announcement(m);
  take_peer_maintenance(m);
  check_confirmation(m);
  if (status.is_probe) answer_probe(m);
  if (wakes_candidate) m.beat_wanted = true;
  // Two nodes that beat at the same moment wake half as often; early is never late.
  if (m.next_beat_at - m.now < m.policy.pulse / 2) m.next_beat_at = std::min(m.next_beat_at, m.now);
}

// ---- events

struct Handler {
  Machine& m;

  void operator()(const FrameReceived& event) const { on_frame(m, event.status); }

  void operator()(const PeerProcessGone&) const { m.judge.process_gone(); }

  void operator()(const PeerGuardReleased& event) const {
    m.judge.process_gone();
    m.guard_released = event.epoch;
    if (event.epoch >= m.lan.epoch) forget_peer_on_lan(m);
  }

  void operator()(const PeerIncompatible& event) const {
    if (!m.peer_is_incompatible) {
      m.incompatible_text = "the peer speaks protocol versions " + std::to_string(event.version_min) + " to " +
                            std::to_string(event.version_max) + ", this agent none of them; upgrade the older agent";
      note(m, Severity::critical, m.incompatible_text);
    }
    m.peer_is_incompatible = true;
    m.incompatible_at = m.now;
    m.judge.heard(m.now);
  }

  void operator()(const LinkChanged& event) const {
    const auto found = m.links.find(event.interface);
    if (found == m.links.end() || found->second.has_link == event.has_link) return;
    found->second = LinkState{event.has_link, m.now};
    note(m, event.has_link ? Severity::info : Severity::critical,
         "Resource intf." + event.interface + " set to " + (event.has_link ? "up" : "down") + " by intfcheck");
    if (event.has_link && m.holds_vip) emit(m, AnnounceVip{});
  }

  void operator()(const VipConflict& event) const {
    note(m, Severity::critical,
         event.mac + " also answers for the virtual IP " + event.address +
             "; find that machine, this node announces again");
    if (m.holds_vip && !m.tenure.confirm_beat) emit(m, AnnounceVip{});
  }

  void operator()(const VipLost& event) const {
    if (!m.holds_vip || !primary_phases.contains(m.phase) || m.tenure.is_revoked) return;
    if (m.tenure.confirm_beat || m.tenure.mute_since) return;
    note(m, Severity::critical, "the virtual IP " + event.address + " vanished from its interface; setting it again");
    reacquire_vip(m);
  }

  void operator()(const ProcessFailed& event) const {
    m.detail = event.detail;
    m.counts_restart = true;
    note(m, Severity::critical, event.detail);
    switch (event.action) {
      case FailureAction::restart:
        trigger(m, Trigger::process_restart);
        break;
      case FailureAction::stopstart:
        trigger(m, Trigger::process_stopstart);
        break;
      case FailureAction::stop:
        trigger(m, Trigger::process_stop);
        break;
    }
  }

  void operator()(const ActionFinished& event) const {
    if (m.persist_token == event.token) {
      on_persist_finished(m, event.outcome, event.detail);
      return;
    }
    if (m.announcement.handing_over == event.token) return on_handed_over(m, event);
    if (on_reader_finished(m, event)) return;
    if (m.reacquire_token == event.token) {
      m.reacquire_token.reset();
      if (event.outcome == Outcome::success || !m.holds_vip || m.tenure.is_revoked) return;
      if (m.tenure.confirm_beat || m.tenure.mute_since) return;
      note(m, Severity::critical, "the virtual IP could not be set again: " + event.detail + "; trying again");
      m.reacquire_at = m.now + reacquire_after;
      return;
    }
    on_step_finished(m, event);
  }

  void operator()(const DeadlineReached&) const {}

  void operator()(const WitnessAnswered& event) const {
    if (m.policy.asks_ping) return on_ping_answer(m, event);
    on_witness_answer(m, event);
    adopt_record(m, event.answer.record);
  }

  void operator()(const ProviderSynced& event) const { on_provider_synced(m, event); }
  void operator()(const ProviderBehind& event) const { on_provider_behind(m, event); }
  void operator()(const ReplicaSeen& event) const { on_replica_seen(m, event); }
  void operator()(const ReaderLost& event) const { on_reader_lost(m, event); }
  void operator()(const LanWordHeard& event) const { on_lan_word(m, event.word); }

  void operator()(const OperatorRequest& event) const;
};

Trigger trigger_of(Verb verb) {
  switch (verb) {
    case Verb::start:
      return Trigger::op_start;
    case Verb::stop:
      return Trigger::op_stop;
    case Verb::restart:
      return Trigger::op_restart;
    case Verb::stopstart:
      return Trigger::op_stopstart;
    case Verb::swap:
      return Trigger::op_swap;
    case Verb::prim:
      return Trigger::op_prim;
    case Verb::second:
      return Trigger::op_second;
    case Verb::hand_over:
    case Verb::maintenance_on:
    case Verb::maintenance_off:
    case Verb::acknowledge:
      break;  // change no phase
  }
  CLUSTERAGENT_ASSERT(false);
}

void Handler::operator()(const OperatorRequest& event) const {
  const bool is_administrator = event.identity.empty();
  const std::string& who = is_administrator ? event.asked_by : event.identity;
  m.detail = "Action " + std::string{name_of(event.verb)} + " called by " + who;
  if (event.verb == Verb::hand_over) return begin_announcement(m, event);
  if (event.verb == Verb::acknowledge) return acknowledge_divergence(m, event);
  const bool is_maintenance = event.verb == Verb::maintenance_on || event.verb == Verb::maintenance_off;
  if (is_maintenance) return set_maintenance(m, event);
  m.counts_restart = !is_administrator;
  if (event.verb == Verb::prim) m.operator_forces = event.force;
  if (event.verb == Verb::stop) m.keeps_wish = event.is_shutdown && m.desired.is_wanted;
  const TransitionRow* row = find_row(m.phase, trigger_of(event.verb), gather_facts(m));
  CLUSTERAGENT_ASSERT(row != nullptr);
  const bool accepts = row->answer == Answer::accept;
  note(m, Severity::user, m.detail + (accepts ? "" : " (refused)"));
  if (accepts && is_administrator) m.budget.reset();
  if (!accepts || primary_phases.contains(m.phase)) m.operator_forces = false;
  const std::string message = expand(m, row->reason);
  apply(m, *row);
  emit(m, Reply{event.request, accepts, message});
}

void send_due_beats(Machine& m) {
  const bool probe = m.judge.take_due_probe(m.now) || promise_probe_is_due(m);
  if (m.now >= m.next_beat_at) {
    m.beat_wanted = true;
    m.answers_left = answers_max;
    // The primary, which has more to do, beats a little later by itself, so that it is the one to fall into step. With
    // a witness the other one does: its beat then carries the promise that the primary's beat has just asked for.
    const bool is_later = m.holds_vip != m.policy.has_witness;
    const Duration pulse = m.policy.pulse + (is_later ? m.policy.pulse / 32 : Duration::zero());
    // Beats that a stall has made late are not made up for.
    m.next_beat_at = std::max(m.next_beat_at + pulse, m.now + pulse / 2);
  }
  if (m.beat_wanted || probe) send_beat(m, probe);
  m.beat_wanted = false;
}

// At every step: two nodes in step with each other beat on frames, and a deadline of their own then never comes.
void try_again_what_is_due(Machine& m) {
  if (m.persist_retry_at && m.now >= *m.persist_retry_at) {
    m.persist_retry_at.reset();
    request_persist(m);
  }
  if (m.reacquire_at && m.now >= *m.reacquire_at) reacquire_vip(m);
  if (m.peer_is_incompatible && m.now - m.incompatible_at >= m.policy.timeout) m.peer_is_incompatible = false;
}

void track_peer_loss(Machine& m) {
  if (!m.peer || m.peer_was_lost || !peer_lost(m)) return;
  m.peer_was_lost = true;
  m.noted_peer_state.reset();
  note(m, Severity::event, "Remote state UNKNOWN: " + std::string{lost_how(m)});
}

}  // namespace

struct Cluster::Impl {
  Machine machine;
};

Cluster::Cluster(Policy policy, const DurableState& durable, Instant now)
    : impl_{std::make_unique<Impl>(Impl{Machine{std::move(policy), durable, now}})} {}
Cluster::Cluster(Policy policy, const DurableState& durable, Instant now, const Handover& left)
    : Cluster{std::move(policy), durable, now} {
  CLUSTERAGENT_ASSERT(may_resume(left, durable, impl_->machine.policy.self));
  resume(impl_->machine, left);
}
Cluster::~Cluster() = default;
Cluster::Cluster(Cluster&&) noexcept = default;
Cluster& Cluster::operator=(Cluster&&) noexcept = default;

void Cluster::step(Instant now, const Event& event, ActionList& out) {
  Machine& m = impl_->machine;
  CLUSTERAGENT_ASSERT(now >= m.now);
  if (m.announcement.is_over) return;
  m.now = now;
  m.out = &out;
  m.detail.clear();
  m.step_rows.clear();
  m.counts_restart = true;
  // A machine that stood still may have missed frames after which the peer's permit was renewed: a stall longer than
  // the margin between permit and timeout does not count as listening. What waited in the socket is delivered after
  // this.
  if (now - m.due_at >= (m.policy.timeout - permit_lease(m.policy)) / 2) {
    m.judge.listen_anew(now);
    m.awake_since = now;
  }
  if (now - m.due_at >= m.policy.timeout / 2) note_stall(m);
  arm_resumed(m);
  check_permit(m);
  std::visit(Handler{m}, event);
  try_again_what_is_due(m);
  if (m.policy.has_witness) {
    check_promises(m);
    renew_permit(m);
  }
  check_confirmation(m);
  track_peer_loss(m);
  update_sync_set(m);
  advance_maintenance(m);
  settle(m);
  advance_announcement(m);
  update_reader(m);
  send_due_beats(m);
  renew_reader_permit(m);
  ask_witness_if_due(m);
  ask_ping_if_due(m);
  speak_on_lan_if_due(m);
  note_witness(m);
  note_hold_down(m);
  m.due_at = next_deadline().value_or(now);
  m.out = nullptr;
}

std::optional<Instant> Cluster::next_deadline() const {
  const Machine& m = impl_->machine;
  if (m.announcement.is_over) return std::nullopt;
  Instant earliest = m.next_beat_at;
  if (const auto verdict = m.judge.next_deadline(m.now)) earliest = std::min(earliest, *verdict);
  if (const auto fact = next_fact_deadline(m)) earliest = std::min(earliest, *fact);
  if (const auto ask = next_witness_deadline(m)) earliest = std::min(earliest, *ask);
  if (const auto ask = next_ping_deadline(m)) earliest = std::min(earliest, *ask);
  if (const auto word = next_lan_deadline(m)) earliest = std::min(earliest, *word);
  if (const auto end = next_reader_deadline(m)) earliest = std::min(earliest, *end);
  if (const auto end = next_announcement_deadline(m)) earliest = std::min(earliest, *end);
  if (const auto end = next_maintenance_deadline(m)) earliest = std::min(earliest, *end);
  return earliest;
}

std::uint32_t Cluster::last_row() const {
  return impl_->machine.last_row;
}

const std::vector<std::uint32_t>& Cluster::rows_of_last_step() const {
  return impl_->machine.step_rows;
}

View Cluster::view() const {
  return make_view(impl_->machine);
}

}  // namespace clusteragent::core
