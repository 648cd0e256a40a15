#include "agent/core/sync_set.hpp"

#include <algorithm>

#include "agent/core/machine.hpp"

namespace clusteragent::core {
namespace {

NodeSet only_self(const Machine& m) {
  return NodeSet::only(m.policy.self);
}

Record next_revision(const Machine& m, NodeSet set) {
  const Record& newest = newest_wish(m);
  return Record{newest.epoch, Revision{newest.revision.value() + 1}, m.policy.self, set};
}

bool leads(const Machine& m) {
  // In doubt about its role, a node decides nothing about the data.
  const bool is_in_doubt = m.tenure.is_superseded || m.tenure.confirm_beat || m.tenure.mute_since || is_undecided(m);
  if (is_in_doubt) return false;
  const bool is_elected = !m.policy.has_witness || m.tenure.is_elected;
  return primary_phases.contains(m.phase) && m.tenure.is_durable && is_elected && !m.tenure.is_revoked &&
         is_own_record(m);
}

bool leads_data(const Machine& m) {
  return m.policy.mirrors_data && m.sync.is_leading && leads(m);
}

// The other order is a hole: the peer takes the wider record, its answer is lost, it takes over later, and this node
// still believes that nobody can.
bool give_up_open_end(Machine& m) {
  if (!m.policy.has_witness) return true;
  const auto until = promised_by_others(m);
  if (!until || *until <= m.now) return false;
  m.sync.gave_up_open_end = true;
  if (m.permit_until && *m.permit_until > *until) {
    m.permit_until = until;
    emit(m, SetPermit{m.tenure.epoch, *until});
  }
  return true;
}

// While the other node is heard, and hears, it is one that could take over on what it knew before. That it has heard is
// enough: in a later life it asks first. Its disk is not waited for, since that may be why it is behind.
bool awaits_hearing(Machine& m) {
  const auto proposal = proposal_on_disk(m);
  const bool is_narrowing = proposal && m.sync.is_leading && proposal->sync_set == only_self(m);
  if (!is_narrowing || m.desired.record.sync_set == only_self(m) || !peer_alive(m)) return false;
  if (!m.sync.narrowing_beat) m.sync.narrowing_beat = m.beat + 1;
  const bool is_deaf = m.peer->heard_age + (m.now - m.peer_heard_at) >= m.policy.timeout;
  if (m.peer->heard_incarnation != m.policy.incarnation || is_deaf) return false;
  return m.peer->heard_beat < *m.sync.narrowing_beat;
}

bool must_narrow(const Machine& m) {
  if (!m.sync.behind_since) return false;
  return peer_lost(m) || m.now - *m.sync.behind_since >= m.policy.timeout;
}

void forget_what_was_given_up(Machine& m) {
  // It was never led on, but the next life could not know that and would wait for an answer that nobody can give. A
  // widening stays: the peer may have taken it for true and gone on.
  if (m.policy.has_witness || !m.desired.proposal || m.sync.is_proposal_inherited) return;
  if (primary_phases.contains(m.phase) || m.is_candidate) return;
  const bool widens = m.desired.proposal->sync_set == NodeSet::both() && m.desired.record.sync_set == only_self(m);
  if (widens) return;
  forget_proposal(m);
  request_persist(m);
}

}  // namespace

Epoch highest_epoch_of(const DurableState& state) {
  return state.proposal ? std::max(state.record.epoch, state.proposal->epoch) : state.record.epoch;
}

Record record_on_disk(const Machine& m) {
  // What was accepted is on disk as a proposal until the next write moves it. One under way may take it away: what was
  // given up can become true through the peer's vote meanwhile.
  const bool stays = !m.persist_token || m.persist_in_flight.proposal == m.desired.record ||
                     m.persist_in_flight.record == m.desired.record;
  return m.durable.proposal == m.desired.record && stays ? m.desired.record : m.durable.record;
}

std::optional<Record> proposal_on_disk(const Machine& m) {
  if (!m.desired.proposal || m.desired.proposal != m.durable.proposal) return std::nullopt;
  return m.desired.proposal;
}

std::optional<Record> proposal_to_tell(const Machine& m) {
  const bool is_in_use = primary_phases.contains(m.phase) && !m.tenure.is_superseded;
  if (!is_in_use && !m.sync.is_proposal_inherited) return std::nullopt;
  return proposal_on_disk(m);
}

const Record& newest_wish(const Machine& m) {
  return m.desired.proposal && is_newer(*m.desired.proposal, m.desired.record) ? *m.desired.proposal : m.desired.record;
}

bool is_tenure_on_disk(const Machine& m) {
  const auto is_it = [&](const Record& record) {
    return record.epoch == m.tenure.epoch && record.holder == m.policy.self;
  };
  return is_it(m.durable.record) || (m.durable.proposal && is_it(*m.durable.proposal));
}

bool is_own_record(const Machine& m) {
  if (!m.policy.mirrors_data) return true;
  return m.desired.record.holder == m.policy.self && m.desired.record.epoch >= m.tenure.epoch;
}

void propose(Machine& m, const Record& record) {
  if (m.policy.mirrors_data) {
    m.desired.proposal = record;
    m.sync.is_proposal_inherited = false;
    m.sync.narrowing_beat.reset();
  } else {
    // No data, no sync set to be wrong about: the promises alone decide.
    m.desired.record = record;
  }
  request_persist(m);
}

void propose_tenure(Machine& m) {
  const NodeSet set = m.policy.mirrors_data ? only_self(m) : m.desired.record.sync_set;
  propose(m, Record{m.tenure.epoch, Revision{0}, m.policy.self, set});
}

void forget_proposal(Machine& m) {
  if (m.desired.proposal) m.epoch_floor = std::max(m.epoch_floor, m.desired.proposal->epoch);
  m.desired.proposal.reset();
  m.sync.is_proposal_inherited = false;
  m.sync.narrowing_beat.reset();
}

void accept_own_proposal(Machine& m) {
  const auto accepted = proposal_on_disk(m);
  if (!accepted) return;
  const NodeSet before = m.desired.record.sync_set;
  m.desired.record = *accepted;
  forget_proposal(m);
  if (accepted->sync_set == only_self(m)) m.sync.gave_up_open_end = false;
  if (leads_data(m) && accepted->epoch > m.sync.led_epoch) {
    m.sync.led_epoch = accepted->epoch;
    emit(m, LeadData{make_token(m), accepted->epoch, m.sync.allows_solo});
  }
  if (leads(m) && !(before == accepted->sync_set)) {
    const std::string& peer = m.policy.node_names[m.policy.peer().value()];
    note(m, Severity::event,
         accepted->sync_set == NodeSet::both() ? peer + " is up to date and can take over"
                                               : peer + " is on record as out of date and cannot take over");
  }
  m.beat_wanted = true;
  request_persist(m);
}

void accept_without_witness(Machine& m) {
  // Nobody else votes; what was given up meanwhile was never led on. A node that stood still on the way to the role
  // asks the peer first: that one may have gone on alone.
  if (m.policy.has_witness || !primary_phases.contains(m.phase) || m.tenure.confirm_beat) return;
  // What a former tenure gave up while it was being written is as much as never said, also on the way to another.
  if (m.desired.proposal && m.desired.proposal->epoch < m.tenure.epoch) return;
  if (!awaits_hearing(m)) accept_own_proposal(m);
}

void adopt_record(Machine& m, const Record& seen) {
  if (primary_phases.contains(m.phase) || !is_newer(seen, m.desired.record)) return;
  m.desired.record = seen;
  if (m.desired.proposal && is_newer(seen, *m.desired.proposal)) forget_proposal(m);
  request_persist(m);
}

void take_acceptance(Machine& m, const Record& seen) {
  if (m.policy.mirrors_data && proposal_on_disk(m) == seen) accept_own_proposal(m);
}

void vote_for_peer(Machine& m) {
  const bool has_heard_us = m.peer->heard_incarnation == m.policy.incarnation;
  if (has_heard_us && m.sync.unsure_until_beat && m.peer->heard_beat >= *m.sync.unsure_until_beat) {
    m.sync.unsure_until_beat.reset();
  }
  if (!m.policy.mirrors_data || !m.peer->proposal) return;
  const Record& proposed = *m.peer->proposal;
  const bool is_rival = primary_phases.contains(m.phase) || m.phase == Phase::leaving_primary || m.is_candidate;
  if (is_rival || proposed.holder != m.policy.peer() || !is_newer(proposed, m.desired.record)) return;
  if (m.desired.proposal) {
    // One vote an epoch. What a former life proposed may have been led on, with writes that the peer lacks; with nobody
    // to ask the newer epoch wins, as in every split brain.
    const bool may_be_true = m.sync.is_proposal_inherited && m.policy.has_witness;
    // What this life proposed and gave up was never led on; without a witness nobody else can have taken it for true.
    const bool was_given_up = !m.sync.is_proposal_inherited && !m.policy.has_witness;
    if (may_be_true || (!was_given_up && proposed.epoch <= m.desired.proposal->epoch)) return;
  }
  const bool is_revision = proposed.epoch == m.desired.record.epoch && m.desired.record.holder == proposed.holder;
  if (!is_revision && !m.desired.record.sync_set.contains(m.policy.peer())) return;
  m.desired.record = proposed;
  forget_proposal(m);
  request_persist(m);
}

bool seeks_new_epoch(const Machine& m) {
  const auto proposal = proposal_to_tell(m);
  return proposal && proposal->epoch > m.desired.record.epoch;
}

bool has_open_end(const Machine& m) {
  if (!m.policy.mirrors_data || !m.policy.has_witness || !m.tenure.is_elected) return false;
  if (m.sync.gave_up_open_end || m.tenure.is_superseded || !is_own_record(m)) return false;
  return m.desired.record.sync_set == only_self(m);
}

bool is_superseded(const Machine& m) {
  if (!m.policy.mirrors_data || !primary_phases.contains(m.phase)) return false;
  if (m.tenure.is_superseded) return true;
  // Of records alone: a proposal of this node proves nothing, whatever its number.
  const Epoch own = is_own_record(m) ? std::max(m.tenure.epoch, m.desired.record.epoch) : m.desired.record.epoch;
  return peer_alive(m) && m.peer->record.holder == m.policy.peer() && m.peer->record.epoch > own;
}

bool is_undecided(const Machine& m) {
  if (!m.policy.mirrors_data) return false;
  if (m.sync.unsure_until_beat && m.desired.record.sync_set == NodeSet::both()) return true;
  if (!m.sync.is_proposal_inherited || !m.desired.proposal) return false;
  return m.policy.has_witness ? !witness_allows(m) : peer_alive(m);
}

void doubt_until_heard(Machine& m) {
  // What the primary said before may have been on its way since before this life: it says nothing of the writes that
  // the primary has acknowledged alone since.
  if (peer_may_have_gone_on(m) && m.peer->heard_incarnation != m.policy.incarnation) m.sync.unsure_until_beat = 1;
}

void note_stall(Machine& m) {
  if (m.policy.mirrors_data && !m.policy.has_witness) m.sync.unsure_until_beat = m.beat + 1;
}

bool is_first_start(const Machine& m) {
  if (!m.policy.mirrors_data || m.operator_insists || m.operator_forces) return false;
  return m.desired.record.epoch.value() == 0 && !m.desired.proposal;
}

bool peer_may_have_gone_on(const Machine& m) {
  if (!m.policy.mirrors_data || m.policy.has_witness || m.desired.record.epoch.value() == 0) return false;
  return m.desired.record.sync_set == NodeSet::both() || newest_wish(m).sync_set == NodeSet::both();
}

void begin_data_tenure(Machine& m) {
  SyncSight fresh;
  fresh.is_proposal_inherited = m.sync.is_proposal_inherited;
  m.sync = fresh;
}

void lead_data(Machine& m, Token token) {
  m.sync.is_leading = true;
  m.sync.led_epoch = m.desired.record.epoch;
  m.sync.allows_solo = m.desired.record.sync_set == only_self(m);
  emit(m, LeadData{token, m.desired.record.epoch, m.sync.allows_solo});
}

bool can_undo_lead(const Machine& m, const ActionFinished& finished) {
  return finished.is_untouched && m.tenure.was_shared && m.desired.record.sync_set == only_self(m);
}

bool awaits_sharing(Machine& m) {
  if (!m.sync.sharing_since) m.sync.sharing_since = m.now;
  if (m.now - *m.sync.sharing_since >= 2 * m.policy.timeout) return false;
  if (!leads(m)) return true;
  const bool is_to_be_said = !m.desired.proposal && m.desired.record.sync_set == only_self(m);
  if (is_to_be_said && give_up_open_end(m)) propose(m, next_revision(m, NodeSet::both()));
  if (!m.policy.has_witness) accept_own_proposal(m);
  return !(m.desired.record.sync_set == NodeSet::both());
}

void on_provider_synced(Machine& m, const ProviderSynced& event) {
  if (!m.sync.is_leading || event.epoch < m.tenure.epoch) return;
  m.sync.is_synced = true;
  m.sync.allows_solo = false;
  m.sync.behind_since.reset();
}

void on_provider_behind(Machine& m, const ProviderBehind& event) {
  if (!m.sync.is_leading || event.epoch < m.tenure.epoch) return;
  if (!m.sync.behind_since) {
    note(m, Severity::critical,
         m.policy.node_names[m.policy.peer().value()] + " gets no writes any more (" + event.reason +
             "); they wait until it is back or on record as out of date");
    m.sync.behind_since = m.now;
  }
  m.sync.is_synced = false;
}

void update_sync_set(Machine& m) {
  if (m.policy.mirrors_data) forget_what_was_given_up(m);
  if (!leads_data(m)) return;
  accept_without_witness(m);
  const NodeSet wish = newest_wish(m).sync_set;
  if (m.sync.is_synced && !(wish == NodeSet::both()) && give_up_open_end(m)) {
    propose(m, next_revision(m, NodeSet::both()));
  } else if (!(wish == only_self(m)) && must_narrow(m)) {
    propose(m, next_revision(m, only_self(m)));
  }
  const bool is_narrow = !m.desired.proposal && m.desired.record.sync_set == only_self(m);
  if (m.sync.behind_since && !m.sync.allows_solo && is_narrow) {
    m.sync.allows_solo = true;
    emit(m, AllowSolo{m.desired.record.epoch});
  }
}

std::optional<Instant> next_sync_deadline(const Machine& m) {
  if (m.sync.sharing_since && m.phase == Phase::taking_over) return *m.sync.sharing_since + 2 * m.policy.timeout;
  if (!m.sync.behind_since || !leads_data(m)) return std::nullopt;
  if (newest_wish(m).sync_set == only_self(m)) return std::nullopt;
  return *m.sync.behind_since + m.policy.timeout;
}

}  // namespace clusteragent::core
