// Who becomes primary while both nodes hear each other. A node that wants to says so (is_candidate) and goes ahead only
// on a frame in which the other, having heard that very wish, does not want to itself. Both may wish at once: then the
// same comparison, made on both sides, lets one defer. Two nodes can so never go ahead on frames that crossed.
#include <tuple>

#include "agent/core/steadiness.hpp"

namespace clusteragent::core {
namespace {

// Compared from left to right; the greater one is preferred.
using Rank = std::tuple<bool, bool, bool, bool, bool, bool, bool>;

Rank rank_of(const Machine& m, const PeerStatus& status, const Record& newest) {
  const bool is_default = m.policy.default_primary == status.node;
  const bool held_last = newest.epoch.value() != 0 && newest.holder == status.node;
  return Rank{status.insists,
              newest.sync_set.contains(status.node),
              status.is_promotable,
              status.state == ModuleState::second,
              is_default,
              held_last,
              status.node.value() == 0};
}

bool prefers_self(const Machine& m) {
  const PeerStatus own = compose_status(m);
  const Record& newest = is_newer(own.record, m.peer->record) ? own.record : m.peer->record;
  return rank_of(m, own, newest) > rank_of(m, *m.peer, newest);
}

bool peer_let_go(const PeerStatus& peer) {
  return !is_primary(peer.state) && !peer.holds_vip && !peer.runs_service;
}

bool may_have_led_on_proposal(const Machine& m) {
  if (!m.peer->proposal || m.peer->is_candidate) return false;
  // A record that leaves the peer out has two voters, and with a witness neither of them took the proposal: before, it
  // would have refused this record as an older one; since, it refuses the peer.
  return !m.policy.has_witness || m.desired.record.sync_set.contains(m.policy.peer());
}

bool wants_to_lead(const Machine& m) {
  const bool may_by_phase = m.phase == Phase::electing || secondary_phases.contains(m.phase);
  if (!may_by_phase || !peer_alive(m) || is_primary(m.peer->state)) return false;
  // It waits for this node's vote, and may have led on it already.
  if (may_have_led_on_proposal(m)) return false;
  if (m.phase == Phase::electing && m.waiting.yield_until) return false;
  return why_not_promotable(m) == BlockReason::none;
}

}  // namespace

void update_candidacy(Machine& m) {
  bool is_candidate = wants_to_lead(m);
  if (is_candidate && m.peer->is_candidate && !prefers_self(m)) is_candidate = false;
  if (is_candidate && defers_to_last_holder(m)) is_candidate = false;
  if (is_candidate == m.is_candidate) return;
  m.is_candidate = is_candidate;
  m.beat_wanted = true;
  if (is_candidate) m.candidate_since_beat = m.beat + 1;
}

bool peer_grants(const Machine& m) {
  if (!peer_alive(m) || !peer_let_go(*m.peer)) return false;
  // What it said before this node stood still may have been taken back since.
  if (m.peer_heard_at < m.awake_since) return false;
  const PeerStatus& peer = *m.peer;
  // These two will not lead before they have asked this node, so their word needs no echo, unless they may still go by
  // a frame in which this node yielded as well: two that were both held back would go ahead on frames that crossed.
  const bool knows_of_no_yield = peer.heard_incarnation == m.policy.incarnation && peer.heard_beat > m.yielded_beat;
  if ((peer.yields || peer.state == ModuleState::stop) && knows_of_no_yield) return true;
  return m.is_candidate && !peer.is_candidate && peer.heard_incarnation == m.policy.incarnation &&
         peer.heard_beat >= m.candidate_since_beat;
}

}  // namespace clusteragent::core
