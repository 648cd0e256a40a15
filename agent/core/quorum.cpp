// Two votes of three. A primary needs, besides its own, a live promise of its peer or of the witness; a candidate that
// does not hear its peer needs the witness's vote. Both promises count from when this node asked: a beat of ours that
// the peer has heard keeps it from leading for one timeout from then, and the witness promises a lease. The permit is
// never longer than the promises, less the margin of permit_lease(). Rules and reasons: docs/witness.md.
#include "agent/core/quorum.hpp"

#include <algorithm>

#include "agent/core/machine.hpp"

namespace clusteragent::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t asks_max = 64;
constexpr std::size_t claims_max = 256;
// A secondary looks after its witness this often, so that one that died is known before it is needed.
constexpr Duration look_interval_min = seconds{1};
constexpr Duration ask_gap_min = milliseconds{1};

Duration ask_gap(const Machine& m) {
  return std::max<Duration>(std::min(m.policy.pulse, m.policy.timeout / 8), ask_gap_min);
}

// What the witness is asked about: a proposal that is on disk and waits for its second voter, else what is known.
Record record_to_ask_of(const Machine& m, WitnessVerb verb) {
  const auto proposal = proposal_on_disk(m);
  const bool is_asked = verb == WitnessVerb::vote || (verb == WitnessVerb::renew && !seeks_new_epoch(m));
  return is_asked && proposal ? *proposal : record_on_disk(m);
}

bool claims_primacy(const Machine& m) {
  // On the way out the application is stopped under the address, which answers until then.
  const bool leaves = m.phase == Phase::leaving_primary && (m.holds_vip || m.runs_service);
  return (primary_phases.contains(m.phase) || leaves) && m.tenure.is_durable && !m.tenure.is_revoked;
}

bool seeks_primacy(const Machine& m) {
  const bool may_by_phase = waiting_phases.contains(m.phase) || secondary_phases.contains(m.phase);
  return may_by_phase && !peer_alive(m);
}

// The peer was not heard for so long that its probing has begun: the question is answered by the time of the verdict.
bool doubts_peer(const Machine& m) {
  return secondary_phases.contains(m.phase) && m.judge.silence(m.now) >= m.policy.timeout / 2;
}

WitnessVerb wanted_verb(const Machine& m) {
  if (m.witness.released_at) return WitnessVerb::release;
  if (!claims_primacy(m)) return WitnessVerb::query;
  if (m.tenure.is_elected || m.phase != Phase::taking_over) {
    // By turns: the promise of the present number must not lapse meanwhile.
    return seeks_new_epoch(m) && m.witness.next_number % 2 == 0 ? WitnessVerb::vote : WitnessVerb::renew;
  }
  // A renewal says that this node was elected; after a refusal that is the other node's to decide.
  return m.tenure.is_refused ? WitnessVerb::query : WitnessVerb::vote;
}

Duration ask_interval(const Machine& m, WitnessVerb verb) {
  const bool is_pressing = verb == WitnessVerb::vote || verb == WitnessVerb::release || seeks_primacy(m) ||
                           doubts_peer(m) || m.tenure.mute_since || proposal_to_tell(m);
  if (is_pressing) return ask_gap(m);
  if (verb == WitnessVerb::renew) return std::max<Duration>(m.policy.pulse, m.policy.timeout / 4);
  return std::max<Duration>(m.policy.timeout, look_interval_min);
}

void ask(Machine& m, WitnessVerb verb) {
  WitnessSight& witness = m.witness;
  WitnessRequest request;
  request.verb = verb;
  request.from = m.policy.self;
  request.record = record_to_ask_of(m, verb);
  request.lease = m.policy.timeout;
  request.is_forced = m.tenure.is_forced;
  witness.asks.push_back({witness.next_number, m.now, verb, request.record});
  if (witness.asks.size() > asks_max) witness.asks.pop_front();
  if (!witness.silent_since) witness.silent_since = m.now;
  emit(m, AskWitness{witness.next_number++, request});
  witness.next_ask_at = m.now + ask_interval(m, verb);
}

void take_refusal(Machine& m, const WitnessSight::Ask& asked, const WitnessAnswer& answer) {
  WitnessSight& witness = m.witness;
  if (asked.verb == WitnessVerb::query) witness.allowed_at.reset();
  // A promise to the other node runs out, and a rebooted witness speaks again: worth asking once more.
  const bool is_final = answer.refusal != Refusal::promised && answer.refusal != Refusal::rebooted;
  if (asked.verb == WitnessVerb::vote && asked.record.epoch == m.tenure.epoch && is_final) m.tenure.is_refused = true;
  if (asked.verb == WitnessVerb::renew && answer.refusal != Refusal::rebooted) witness.promised_until.reset();
  // The other node was elected; what it acknowledged is not here.
  const bool is_over = is_newer(answer.record, asked.record) && answer.record.holder != m.policy.self;
  if (asked.verb == WitnessVerb::renew && is_over && m.policy.mirrors_data) m.tenure.is_superseded = true;
  // When it says how long, the next question comes just then.
  if (answer.retry_after > Duration::zero()) {
    const Instant later = m.now + answer.retry_after + ask_gap_min;
    witness.next_ask_at = std::min(witness.next_ask_at, later);
    if (asked.verb != WitnessVerb::renew) witness.next_ask_at = std::max(witness.next_ask_at, m.now + ask_gap_min);
  }
}

// Half of a lease is left for answers that get lost.
std::optional<Instant> next_promise_probe(const Machine& m) {
  if (!m.policy.has_witness || !m.tenure.is_elected || m.tenure.is_forced || !claims_primacy(m)) return std::nullopt;
  if (!peer_alive(m)) return std::nullopt;
  const Instant paced = m.last_beat_at + std::max<Duration>(m.policy.timeout / 16, ask_gap_min);
  if (!m.peer_promised_until) return paced;
  return std::max(paced, *m.peer_promised_until - permit_lease(m.policy) / 2);
}

}  // namespace

std::optional<Instant> promised_until(const Machine& m) {
  // Once both others count this node's data alone as the newest, nobody can be elected but this node.
  const bool needs_no_promise = !m.policy.has_witness || m.tenure.is_forced || has_open_end(m);
  if (needs_no_promise) return m.now + permit_lease(m.policy);
  return promised_by_others(m);
}

std::optional<Instant> promised_by_others(const Machine& m) {
  std::optional<Instant> until = m.peer_promised_until;
  if (m.witness.promised_until && (!until || *m.witness.promised_until > *until)) until = m.witness.promised_until;
  return until;
}

bool has_quorum(const Machine& m) {
  const auto until = promised_until(m);
  return until && m.now < *until;
}

bool witness_allows(const Machine& m) {
  return m.witness.allowed_at && m.now - *m.witness.allowed_at < m.policy.timeout;
}

bool witness_withholds(const Machine& m) {
  if (witness_allows(m)) return false;
  const bool has_refused = m.witness.heard_at && !m.witness.answer.is_granted;
  const bool is_unreachable = m.witness.silent_since && m.now - *m.witness.silent_since >= m.policy.timeout;
  return has_refused || is_unreachable;
}

bool is_proposal(const Machine& m) {
  return is_fencing(m) || (m.policy.has_witness && m.phase == Phase::taking_over && !m.tenure.is_elected);
}

void note_claim(Machine& m) {
  if (!m.policy.has_witness) return;
  // A beat that lets the peer lead, or might, is worth nothing; and neither is any from before it.
  if (!claims_primacy(m) && !m.is_candidate) {
    m.claims.clear();
    m.peer_promised_until.reset();
    return;
  }
  m.claims.push_back({m.beat, m.now});
  if (m.claims.size() > claims_max) m.claims.pop_front();
}

void forget_promises(Machine& m) {
  m.claims.clear();
  m.peer_promised_until.reset();
  m.witness.promised_until.reset();
}

void owe_release(Machine& m) {
  if (m.policy.has_witness) m.witness.released_at = m.now;
}

void take_peer_promise(Machine& m) {
  const PeerStatus& peer = *m.peer;
  // One that seeks the role itself may get the witness's vote at this moment; and what a former life of its agent left
  // in its kernel or running, no promise covers (tests/model, variant 4).
  if (!m.policy.has_witness || is_primary(peer.state) || peer.is_candidate) return;
  if (peer.holds_vip || peer.runs_service) return;
  // A proposal of a former life may be the truth, and its voters' word stands against this node's role.
  if (peer.proposal) return;
  if (peer.heard_incarnation != m.policy.incarnation) return;
  const auto heard = std::find_if(m.claims.begin(), m.claims.end(),
                                  [&](const SentBeat& sent) { return sent.beat == peer.heard_beat; });
  if (heard == m.claims.end()) return;
  const Instant until = heard->at + permit_lease(m.policy);
  if (!m.peer_promised_until || until > *m.peer_promised_until) m.peer_promised_until = until;
  m.claims.erase(m.claims.begin(), heard);
  if (m.tenure.is_durable) m.tenure.is_forced = false;
}

void on_witness_answer(Machine& m, const WitnessAnswered& event) {
  WitnessSight& witness = m.witness;
  const auto asked = std::find_if(witness.asks.begin(), witness.asks.end(),
                                  [&](const WitnessSight::Ask& one) { return one.number == event.ask; });
  if (asked == witness.asks.end() || event.ask <= witness.answered) return;
  const WitnessSight::Ask what = *asked;
  witness.asks.erase(witness.asks.begin(), asked + 1);
  witness.heard_at = m.now;
  witness.silent_since.reset();
  witness.answer = event.answer;
  witness.answered = event.ask;
  take_acceptance(m, event.answer.record);
  if (!event.answer.is_granted) return take_refusal(m, what, event.answer);
  switch (what.verb) {
    case WitnessVerb::query:
      witness.allowed_at = what.at;
      break;
    case WitnessVerb::renew:
    case WitnessVerb::vote:
      // Of another tenure, or of one that is over: the lease runs out by itself.
      if (what.record.epoch != record_to_ask_of(m, what.verb).epoch || !claims_primacy(m)) break;
      witness.promised_until = what.at + permit_lease(m.policy);
      m.tenure.is_forced = false;
      break;
    case WitnessVerb::release:
      witness.released_at.reset();
      break;
  }
}

void ask_witness_if_due(Machine& m) {
  if (!m.policy.has_witness) return;
  // Later the promise has run out by itself.
  if (m.witness.released_at && m.now - *m.witness.released_at >= m.policy.timeout) m.witness.released_at.reset();
  if (m.phase == Phase::stopped && !m.witness.released_at) return;
  const WitnessVerb verb = wanted_verb(m);
  // What was planned for a quieter role does not hold up a pressing one.
  m.witness.next_ask_at = std::min(m.witness.next_ask_at, m.now + ask_interval(m, verb));
  if (m.now >= m.witness.next_ask_at) ask(m, verb);
}

bool promise_probe_is_due(const Machine& m) {
  const auto due = next_promise_probe(m);
  return due && m.now >= *due;
}

void note_witness(Machine& m) {
  const bool is_silent = m.witness.silent_since && m.now - *m.witness.silent_since >= m.policy.timeout;
  if (is_silent == m.witness.is_noted_silent) return;
  m.witness.is_noted_silent = is_silent;
  if (is_silent) {
    note(m, Severity::critical,
         "the witness does not answer; while that is so, the death of one node stops the service: look at it there, at "
         "the "
         "network to it, and at clusteragent status");
  } else {
    note(m, Severity::event, "the witness answers");
  }
}

std::optional<Instant> next_witness_deadline(const Machine& m) {
  if (!m.policy.has_witness || (m.phase == Phase::stopped && !m.witness.released_at)) return std::nullopt;
  Instant earliest = m.witness.next_ask_at;
  const auto consider = [&](std::optional<Instant> at) {
    if (at && *at > m.now) earliest = std::min(earliest, *at);
  };
  consider(next_promise_probe(m));
  if (m.tenure.is_elected) consider(promised_until(m));
  if (m.witness.allowed_at) consider(*m.witness.allowed_at + m.policy.timeout);
  if (m.witness.silent_since) consider(*m.witness.silent_since + m.policy.timeout);
  if (m.tenure.mute_since) consider(*m.tenure.mute_since + m.policy.timeout / 4);
  if (m.tenure.quorum_wanted_since) consider(*m.tenure.quorum_wanted_since + 2 * m.policy.timeout);
  return earliest;
}

void renew_permit(Machine& m) {
  const bool may_renew = m.holds_vip && m.tenure.is_durable && !m.tenure.confirm_beat && !m.tenure.is_revoked;
  const auto until = promised_until(m);
  if (!may_renew || !until || *until <= m.now) return;
  if (m.permit_until && *until <= *m.permit_until) return;
  m.permit_until = until;
  emit(m, SetPermit{m.tenure.epoch, *until});
}

}  // namespace clusteragent::core
