#include "agent/core/facts.hpp"

#include <algorithm>

namespace clusteragent::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A node is settled as secondary for this long before the service is moved back to it.
Duration fall_back_after(const Policy& policy) {
  return std::max<Duration>(policy.timeout, seconds{1});
}

Duration link_settle(const Policy& policy) {
  return std::min<Duration>(policy.timeout / 2, seconds{1});
}

// How long before the deaf peer's verdict this node lets go: time to drop the VIP, and for its own next look.
Duration give_way_before(const Policy& policy) {
  return std::min<Duration>(policy.timeout / 4, milliseconds{500});
}

std::optional<Instant> peer_verdict_on_us(const Machine& m) {
  if (!peer_alive(m) || m.peer->heard_incarnation != m.policy.incarnation) return std::nullopt;
  if (m.peer->state != ModuleState::second || !m.peer->is_promotable) return std::nullopt;
  return m.peer_heard_at - m.peer->heard_age + m.policy.timeout - give_way_before(m.policy);
}

// Only the peer's own report counts, and only one from within its probe burst shortly before the verdict: a report from
// earlier is common under mere loss, and carrying it on says nothing about what the peer has heard since.
bool peer_will_give_up(const Machine& m) {
  // Deaf, or was it this node that was silent? Only beats of the last half timeout can tell.
  // The witness's promise keeps the deaf peer from taking over.
  if (m.policy.has_witness && m.witness.promised_until && m.now < *m.witness.promised_until) return false;
  if (m.tenure.confirm_beat || m.now - m.awake_since < m.policy.timeout / 2) return false;
  const auto verdict = peer_verdict_on_us(m);
  return verdict && m.now >= *verdict && m.peer->heard_age >= m.policy.timeout - m.policy.timeout / 8;
}

bool fall_back_is_due(const Machine& m) {
  if (m.phase != Phase::prim || m.policy.default_primary != m.policy.peer()) return false;
  if (!peer_alive(m) || !m.peer->is_promotable || m.peer->activity != Activity::ready) return false;
  if (m.role_changes.hold_down.is_held(m.now)) return false;
  if (m.tenure.fell_back && m.tenure.fell_back_to == m.peer->incarnation) return false;
  return m.tenure.second_ready_since && m.now >= *m.tenure.second_ready_since + fall_back_after(m.policy);
}

// What the peer sees and compares with: a tenure that was renumbered goes on under its new number.
Epoch tenure_number(const Machine& m) {
  const bool is_renumbered = m.durable.record.holder == m.policy.self && m.durable.record.epoch > m.tenure.epoch;
  return is_renumbered ? m.durable.record.epoch : m.tenure.epoch;
}

bool guard_released(const Machine& m) {
  return m.guard_released && m.peer && *m.guard_released >= m.peer->record.epoch && m.judge.is_process_gone(m.now);
}

bool peer_does_not_lead(const Machine& m) {
  if (m.peer_is_incompatible) return false;
  if (peer_grants(m)) return true;
  if (is_held_back_by_lan(m)) return false;
  // Not agreed with the peer: that takes the witness's vote.
  if (m.policy.has_witness && !witness_allows(m)) return false;
  if (guard_released(m)) return true;
  if (m.judge.is_silent(m.now) && ping_allows(m)) return !holds_back(m);
  const bool was_harmless = m.peer && !is_primary(m.peer->state) && !m.peer->holds_vip && !m.peer->runs_service;
  return m.judge.is_process_gone(m.now) && was_harmless;
}

bool block_is_over(const Machine& m) {
  switch (m.waiting.block) {
    case BlockReason::interface_down:
      return links_are_up(m);
    case BlockReason::peer_incompatible:
      return !m.peer_is_incompatible;
    case BlockReason::service_failed:
      return !m.waiting.hold_until || m.now >= *m.waiting.hold_until;
    case BlockReason::fence_failed:
      return peer_alive(m) || !m.waiting.hold_until || m.now >= *m.waiting.hold_until;
    case BlockReason::operator_hold:
      return !m.operator_hold;
    case BlockReason::no_quorum:
      return witness_allows(m) || peer_alive(m);
    case BlockReason::isolated:
      // One that had the role may have lost it to the peer: SafeKit, too, waits for the heartbeat or the operator.
      return peer_alive(m) || m.operator_insists || (!m.waiting.needs_peer && ping_allows(m));
    case BlockReason::not_up_to_date:
      return m.desired.record.sync_set.contains(m.policy.self) && (peer_alive(m) || !peer_may_have_gone_on(m));
    case BlockReason::undecided:
      return !is_undecided(m);
    case BlockReason::first_start:
      return !is_first_start(m);
    case BlockReason::failover_off:
      return m.operator_insists;
    default:
      return true;
  }
}

}  // namespace

Facts gather_facts(const Machine& m) {
  Facts f;
  f.peer_is_alive = peer_alive(m);
  f.peer_is_lost = peer_lost(m);
  f.peer_is_incompatible = m.peer_is_incompatible;
  f.peer_is_primary = f.peer_is_alive && is_primary(m.peer->state);
  f.peer_is_newer_primary = f.peer_is_primary && m.peer->record.epoch > tenure_number(m);
  f.newer_primary_is_on_lan = newer_primary_on_lan(m);
  f.is_held_back_by_lan = is_held_back_by_lan(m);
  f.is_forestalled_on_lan = is_forestalled_on_lan(m);
  f.is_news_from_lan = f.is_held_back_by_lan && f.peer_is_lost && !m.lan.is_noted;
  f.is_frozen = is_frozen(m);
  f.peer_is_excused = peer_is_excused(m);
  f.peer_is_second = f.peer_is_alive && m.peer->state == ModuleState::second;
  f.peer_can_take_over = f.peer_is_second && m.peer->is_promotable;
  const Epoch own_epoch = std::max(m.tenure.epoch, highest_epoch_of(m.desired));
  // Not in doubt: a node that stood still reads what its successor said on the way to the role, and would outbid it.
  const bool is_in_doubt = m.tenure.mute_since || m.tenure.confirm_beat;
  f.peer_holds_newer_record =
      f.peer_is_alive && !is_in_doubt && std::max(m.peer->record.epoch, m.peer->voted) > own_epoch;
  f.is_superseded = is_superseded(m);
  f.peer_will_give_up_on_us = peer_will_give_up(m);
  f.may_lead = why_not_promotable(m) == BlockReason::none;
  f.peer_does_not_lead = peer_does_not_lead(m);
  f.witness_withholds = m.policy.has_witness && witness_withholds(m);
  f.ping_withholds = m.judge.is_silent(m.now) && ping_withholds(m);
  f.ping_is_open = m.judge.is_silent(m.now) && !ping_allows(m) && !f.ping_withholds;
  f.quorum_is_lost = m.tenure.mute_since && m.now - *m.tenure.mute_since >= m.policy.timeout / 4;
  f.has_yielded = m.waiting.yield_until.has_value();
  f.hold_is_over = (!m.waiting.hold_until || m.now >= *m.waiting.hold_until) &&
                   (!m.waiting.yield_until || m.now >= *m.waiting.yield_until);
  f.is_blocked_by_hold = m.waiting.hold_until.has_value();
  f.links_are_up = links_are_up(m);
  f.failover = m.policy.failover;
  f.insists = m.operator_insists;
  f.forces = m.operator_forces;
  f.operator_hold = m.operator_hold;
  f.tenure_is_durable = m.tenure.is_durable;
  f.is_elected = !is_proposal(m);
  f.is_fencing = is_fencing(m);
  f.fencing_is_over = fencing_is_over(m);
  f.fence_failed = f.is_fencing && m.fencing.stage == FenceStage::failed;
  f.holds_vip = m.holds_vip;
  f.former_life_remains = !m.desired.is_wanted && (m.holds_vip || m.runs_service);
  f.is_dropping_vip = m.tenure.is_revoked;
  f.block_is_over = block_is_over(m);
  f.guard_released = guard_released(m) && (!m.policy.has_witness || witness_allows(m));
  f.peer_stays_away = f.peer_is_alive && !f.peer_is_primary && f.peer_does_not_lead;
  f.destination = m.leaving.destination;
  f.is_administrator = !m.counts_restart;
  f.budget_allows =
      f.is_administrator || m.policy.restart_window == Duration::zero() || m.budget.used(m.now) < m.budget.max();
  f.fall_back_is_due = fall_back_is_due(m);
  f.is_up_to_date = m.desired.record.sync_set.contains(m.policy.self);
  f.peer_may_have_gone_on = peer_may_have_gone_on(m);
  f.is_first_start = is_first_start(m);
  return f;
}

std::optional<Instant> next_fact_deadline(const Machine& m) {
  std::optional<Instant> earliest;
  const auto consider = [&](std::optional<Instant> at) {
    if (at && *at > m.now && (!earliest || *at < *earliest)) earliest = at;
  };
  consider(m.waiting.hold_until);
  consider(m.waiting.yield_until);
  consider(m.role_changes.hold_down.until(m.now));
  consider(m.persist_retry_at);
  consider(next_sync_deadline(m));
  consider(m.reacquire_at);
  for (const auto& [name, link] : m.links) {
    if (!link.has_link) consider(link.since + link_settle(m.policy));
  }
  if (primary_phases.contains(m.phase)) consider(peer_verdict_on_us(m));
  if (m.tenure.second_ready_since) consider(*m.tenure.second_ready_since + fall_back_after(m.policy));
  if (m.peer_is_incompatible) consider(m.incompatible_at + m.policy.timeout);
  return earliest;
}

}  // namespace clusteragent::core
