#include "agent/core/reader.hpp"

#include <algorithm>

#include "agent/core/machine.hpp"

namespace clusteragent::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The replica's state is said every second; five are missed by an engine that hangs or was killed.
constexpr Duration seen_valid = seconds{5};
// A kernel that refuses an address has a reason that an operator must see to; half a second would fill the log.
constexpr Duration retry_after = seconds{2};
// Beats of one timeout, kept apart by a 64th of it: answers to probes come in bursts and say nothing new.
constexpr int beats_a_timeout = 64;

std::string peer_name(const Machine& m) {
  return m.policy.node_names[m.policy.peer().value()];
}

std::string seconds_text(Duration duration) {
  const auto tenths = to_milliseconds(duration) / 100;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

bool leads(const Machine& m) {
  return primary_phases.contains(m.phase) && m.holds_vip && !m.tenure.is_revoked && m.permit_until &&
         m.now < *m.permit_until;
}

Instant lease_end(const Machine& m) {
  const Instant longest = m.now + permit_lease(m.policy);
  // An announced restart makes the permit long; nobody waits for the readers' address.
  if (leads(m)) return std::min(*m.permit_until, longest);
  return m.reader.acked ? *m.reader.acked + permit_lease(m.policy) : m.now;
}

/// From here on the other node holds nothing that it was granted: its lease counts from beats that were heard.
Instant peer_lease_over_at(const Machine& m) {
  return std::max(m.reader.began, m.peer ? m.peer_heard_at : m.reader.began) + m.policy.timeout;
}

bool peer_serves(const Machine& m) {
  return peer_alive(m) && m.peer->state == ModuleState::second && m.peer->activity == Activity::ready &&
         m.peer->is_reader_fit && m.peer->restarts_for <= Duration::zero();
}

bool peer_cannot_hold(const Machine& m) {
  // What this node's former life granted and heard: a frame of it that comes late is worth nothing by then.
  if (m.now < m.reader.began + m.policy.timeout) return false;
  if (!peer_alive(m)) return m.now >= peer_lease_over_at(m);
  return !m.peer->holds_reader && m.peer->heard_incarnation == m.policy.incarnation &&
         m.peer->heard_beat >= m.reader.withdrawn_beat;
}

ReaderFacts facts_of(const Machine& m) {
  ReaderFacts facts;
  facts.leads = leads(m);
  facts.takes_over = m.phase == Phase::taking_over;
  facts.leaves = m.phase == Phase::leaving_primary;
  facts.follows = m.phase == Phase::second && peer_alive(m) && is_primary(m.peer->state);
  facts.has_lease = m.now < lease_end(m);
  facts.holds = m.reader.holds;
  facts.peer_holds = peer_alive(m) && m.peer->holds_reader;
  facts.peer_serves = peer_serves(m);
  facts.peer_cannot_hold = peer_cannot_hold(m);
  facts.is_fit = m.reader.is_fit;
  facts.is_granted = peer_alive(m) && m.peer->grants_reader;
  return facts;
}

bool is_refused(const Machine& m) {
  return m.reader.retry_at && m.now < *m.reader.retry_at;
}

std::string why_replica_is_unfit(const Machine& m) {
  const ReaderSight& reader = m.reader;
  if (!m.policy.reader.needs_replica) return {};
  if (!reader.seen || m.now - reader.seen_at >= seen_valid) return "the replication engine does not say how far it is";
  if (!reader.seen->problem.empty()) return "the replication is not in order: " + reader.seen->problem;
  if (!reader.seen->lag) return "its lag is not known yet";
  const Duration most = reader.is_fit ? m.policy.reader.lag_max : m.policy.reader.lag_max / 2;
  if (*reader.seen->lag <= most) return {};
  return "its lag of " + seconds_text(*reader.seen->lag) + " is above " + seconds_text(most) +
         (reader.is_fit ? "" : ", half of the limit");
}

/// Empty: readers can be sent here.
std::string why_unfit(const Machine& m) {
  if (m.phase != Phase::second) return "this node is no ready secondary";
  if (announced_for(m) > Duration::zero()) return "this agent is being restarted";
  if (is_refused(m)) return m.reader.problem;
  if (!links_are_up(m)) return "a checked interface has lost its link";
  return why_replica_is_unfit(m);
}

/// Returns what speaks against it; empty: nothing.
std::string judge_fitness(Machine& m) {
  ReaderSight& reader = m.reader;
  std::string unfit = why_unfit(m);
  const bool was_fit = reader.is_fit;
  if (!unfit.empty()) {
    reader.good_since.reset();
    reader.is_fit = false;
  } else {
    if (!reader.good_since) reader.good_since = m.now;
    reader.is_fit = was_fit || m.now - *reader.good_since >= m.policy.reader.settle;
  }
  if (reader.is_fit != was_fit) m.beat_wanted = true;
  return unfit;
}

std::string why_peer_does_not_serve(const Machine& m) {
  if (!peer_alive(m)) return peer_name(m) + " is not heard";
  if (m.peer->state != ModuleState::second || m.peer->activity != Activity::ready) {
    return peer_name(m) + " is no ready secondary";
  }
  return peer_name(m) + " says that it is not fit for readers";
}

std::string why_let_go(const Machine& m, const ReaderFacts& facts, const std::string& unfit) {
  if (facts.leads) return peer_name(m) + " is fit for readers and gets it";
  if (m.phase != Phase::second) return "this node's role has ended";
  if (!unfit.empty()) return unfit;
  if (!facts.has_lease) return peer_name(m) + " does not confirm this node's heartbeats";
  return peer_name(m) + " does not grant it any more";
}

void acquire(Machine& m) {
  m.reader.acquiring = make_token(m);
  emit(m, AcquireReader{*m.reader.acquiring});
}

void take(Machine& m, const ReaderFacts& facts) {
  m.reader.holds = true;
  note(m, Severity::event,
       "the readers' address is taken: " + (facts.leads ? why_peer_does_not_serve(m) : peer_name(m) + " grants it"));
  renew_reader_permit(m);
  acquire(m);
  m.beat_wanted = true;
}

void let_go(Machine& m, const std::string& why) {
  ReaderSight& reader = m.reader;
  if (reader.permit_until) note(m, Severity::event, "the readers' address is let go: " + why);
  reader.permit_until.reset();
  reader.releasing = make_token(m);
  emit(m, RevokeReaderPermit{});
  emit(m, ReleaseReader{*reader.releasing});
  m.beat_wanted = true;
}

void on_refused(Machine& m, std::string problem) {
  ReaderSight& reader = m.reader;
  if (reader.problem != problem) note(m, Severity::critical, problem + "; trying again");
  reader.problem = std::move(problem);
  reader.retry_at = m.now + retry_after;
}

}  // namespace

bool wants_reader(const ReaderFacts& facts) {
  if (!facts.has_lease) return false;
  if (facts.leads) return !facts.peer_serves && (facts.holds || facts.peer_cannot_hold);
  if (facts.takes_over) return facts.holds;
  return facts.follows && facts.is_fit && facts.is_granted && !facts.peer_holds;
}

bool grants_reader(const ReaderFacts& facts) {
  return (facts.leads || facts.leaves) && facts.peer_serves && !facts.holds;
}

void note_reader_beat(Machine& m) {
  if (!m.policy.reader.is_configured) return;
  std::deque<SentBeat>& sent = m.reader.sent;
  if (!sent.empty() && m.now - sent.back().at < m.policy.timeout / beats_a_timeout) return;
  sent.push_back({m.beat, m.now});
  while (m.now - sent.front().at > m.policy.timeout) sent.pop_front();
}

void take_reader_ack(Machine& m) {
  if (!m.policy.reader.is_configured || m.peer->heard_incarnation != m.policy.incarnation) return;
  std::deque<SentBeat>& sent = m.reader.sent;
  while (!sent.empty() && sent.front().beat <= m.peer->heard_beat) {
    m.reader.acked = sent.front().at;
    sent.pop_front();
  }
}

void on_replica_seen(Machine& m, const ReplicaSeen& event) {
  m.reader.seen = event;
  m.reader.seen_at = m.now;
}

void on_reader_lost(Machine& m, const ReaderLost& event) {
  ReaderSight& reader = m.reader;
  if (!reader.holds || reader.acquiring || reader.releasing) return;
  note(m, Severity::critical,
       "the readers' address " + event.address + " vanished from its interface; setting it again");
  acquire(m);
}

bool on_reader_finished(Machine& m, const ActionFinished& event) {
  ReaderSight& reader = m.reader;
  if (reader.acquiring == event.token) {
    reader.acquiring.reset();
    if (event.outcome == Outcome::success) reader.problem.clear();
    // A release on its way answers for what was not set; the address is free for the other node then.
    if (event.outcome == Outcome::success || reader.releasing) return true;
    on_refused(m, "the readers' address could not be set here: " + event.detail);
    let_go(m, reader.problem);
    return true;
  }
  if (reader.releasing != event.token) return false;
  reader.releasing.reset();
  if (event.outcome == Outcome::success) {
    reader.holds = reader.must_release = false;
    m.beat_wanted = true;
  } else {
    reader.must_release = true;
    on_refused(m, "the readers' address could not be removed: " + event.detail);
  }
  return true;
}

void update_reader(Machine& m) {
  if (!m.policy.reader.is_configured) return;
  ReaderSight& reader = m.reader;
  const std::string unfit = judge_fitness(m);
  const ReaderFacts facts = facts_of(m);
  const bool wants = wants_reader(facts) && !reader.must_release;
  if (wants && !reader.holds && !is_refused(m)) {
    take(m, facts);
  } else if (!wants && reader.holds && !reader.releasing && !is_refused(m)) {
    let_go(m, why_let_go(m, facts, unfit));
  }
  renew_reader_permit(m);
  ReaderFacts now = facts;
  now.holds = reader.holds;
  const bool grants = grants_reader(now);
  if (grants == reader.grants) return;
  if (!grants) reader.withdrawn_beat = m.beat + 1;
  reader.grants = grants;
  m.beat_wanted = true;
}

void renew_reader_permit(Machine& m) {
  ReaderSight& reader = m.reader;
  if (!m.policy.reader.is_configured || !reader.holds || reader.releasing || reader.must_release) return;
  const Instant until = lease_end(m);
  if (until <= m.now || (reader.permit_until && until <= *reader.permit_until)) return;
  reader.permit_until = until;
  emit(m, SetReaderPermit{until});
}

std::optional<Instant> next_reader_deadline(const Machine& m) {
  if (!m.policy.reader.is_configured) return std::nullopt;
  const ReaderSight& reader = m.reader;
  std::optional<Instant> earliest;
  const auto consider = [&](std::optional<Instant> at) {
    if (at && *at > m.now && (!earliest || *at < *earliest)) earliest = at;
  };
  consider(reader.retry_at);
  if (reader.holds) consider(lease_end(m));
  if (reader.good_since && !reader.is_fit) consider(*reader.good_since + m.policy.reader.settle);
  if (m.phase == Phase::second && reader.seen) consider(reader.seen_at + seen_valid);
  if (leads(m) && !reader.holds) consider(peer_alive(m) ? reader.began + m.policy.timeout : peer_lease_over_at(m));
  return earliest;
}

ReaderView view_reader(const Machine& m) {
  ReaderView view;
  view.is_configured = m.policy.reader.is_configured;
  if (!view.is_configured) return view;
  const ReaderSight& reader = m.reader;
  view.holds = reader.holds;
  view.is_fit = reader.is_fit;
  if (leads(m)) {
    if (!peer_serves(m)) {
      view.why = why_peer_does_not_serve(m) + (reader.holds ? "" : "; waiting until its lease is over");
    } else {
      view.why = peer_name(m) + (m.peer->holds_reader ? " serves them" : " is fit and gets the address");
    }
  } else if (m.phase == Phase::second) {
    view.why = why_unfit(m);
    if (view.why.empty() && !reader.is_fit) {
      view.why = "fit for readers once it has been fresh for " + seconds_text(m.policy.reader.settle);
    } else if (view.why.empty()) {
      view.why = reader.holds ? "fresh enough" : "fit for readers; waiting for the word of " + peer_name(m);
    }
  }
  return view;
}

}  // namespace clusteragent::core
