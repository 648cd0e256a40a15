#include "agent/core/lan_watch.hpp"

#include <algorithm>

#include "agent/core/machine.hpp"

namespace clusteragent::core {
namespace {

using std::chrono::milliseconds;

// An answer comes within milliseconds, so the newest words are those that are answered; even a peer that asks as often
// as it may leaves each of them a third of a second.
constexpr std::size_t said_max = 32;
constexpr Duration word_gap_min = milliseconds{1};
constexpr Duration word_gap_max = milliseconds{10};
// A broadcast costs every machine of the network a look: a primary alone does not ask more often than that.
constexpr Duration primary_asks_every_min = milliseconds{100};
// On a living network an answer takes a millisecond; what is asked four times in this is not lost by chance.
constexpr Duration asking_time_max = milliseconds{300};
constexpr int asks_per_asking_time = 4;
// Clients' tables are corrected while the other one still claims the address; more often helps nobody.
constexpr Duration announce_again_after = milliseconds{500};

Duration asking_time(const Policy& policy) {
  return std::min<Duration>(policy.timeout / 4, asking_time_max);
}

Duration word_gap(const Machine& m) {
  return std::clamp<Duration>(m.policy.timeout / 16, word_gap_min, word_gap_max);
}

bool has_primary_duty(const Machine& m) {
  return primary_phases.contains(m.phase) || m.phase == Phase::leaving_primary;
}

// A primary that hears another one is heard by it or is not, and of a peer whose heartbeats are not understood nothing
// is known: the network of the virtual IP may tell.
bool is_in_doubt(const Machine& m) {
  const bool has_rival = primary_phases.contains(m.phase) && peer_alive(m) && is_primary(m.peer->state);
  return has_rival || m.peer_is_incompatible || m.judge.silence(m.now) >= m.policy.timeout / 2;
}

bool seeks_primacy(const Machine& m) {
  const bool may_by_phase =
      m.phase == Phase::electing || m.phase == Phase::leaving_second || secondary_phases.contains(m.phase);
  return !m.policy.has_witness && may_by_phase;
}

// Not what the kernel might still hold, but what this node may stand up for.
bool answers_for_vip(const Machine& m) {
  return m.holds_vip && m.tenure.is_durable && !m.tenure.is_revoked && m.permit_until && m.now < *m.permit_until;
}

Epoch epoch_of_tenure(const Machine& m) {
  const bool is_own = m.durable.record.holder == m.policy.self;
  return is_own ? std::max(m.tenure.epoch, m.durable.record.epoch) : m.tenure.epoch;
}

bool asks(const Machine& m) {
  return m.policy.has_vip && is_in_doubt(m) && (has_primary_duty(m) || seeks_primacy(m));
}

Duration ask_interval(const Machine& m) {
  if (primary_phases.contains(m.phase)) return std::max(m.policy.pulse, primary_asks_every_min);
  const bool is_pressing = m.waiting.hold_until && m.now < *m.waiting.hold_until;
  if (is_pressing) return std::max<Duration>(asking_time(m.policy) / asks_per_asking_time, word_gap_min);
  return std::max<Duration>(m.policy.timeout / (peer_holds_on_lan(m) ? 4 : 8), word_gap_min);
}

void speak(Machine& m, bool asking) {
  LanSight& lan = m.lan;
  LanWord word;
  word.number = lan.next_number++;
  word.heard = lan.heard;
  word.asks = asking;
  word.holds_vip = answers_for_vip(m);
  word.is_free = !m.holds_vip;
  if (word.holds_vip) word.epoch = epoch_of_tenure(m);
  lan.said.push_back({word.number, m.now});
  if (lan.said.size() > said_max) lan.said.pop_front();
  lan.owes_answer = false;
  emit(m, SpeakOnLan{word});
}

std::optional<Instant> answered_question_at(const Machine& m, const LanWord& word) {
  for (const LanSight::Said& said : m.lan.said) {
    if (said.number != word.heard) continue;
    // What was asked before a heartbeat was heard, the heartbeat has answered.
    const bool is_late = m.now - said.at >= m.policy.timeout || (m.peer && said.at < m.peer_heard_at);
    return is_late ? std::nullopt : std::optional{said.at};
  }
  return std::nullopt;
}

void announce(Machine& m) {
  if (m.lan.announced_at && m.now - *m.lan.announced_at < announce_again_after) return;
  m.lan.announced_at = m.now;
  emit(m, AnnounceVip{});
}

void meet_older_primary(Machine& m, const LanWord& word) {
  // It has known of this tenure or a later one since: the word is from before that.
  if (m.peer && m.peer->record.epoch >= word.epoch && m.peer->record.epoch >= epoch_of_tenure(m)) return;
  if (!m.lan.rival_at || m.now - *m.lan.rival_at >= m.policy.timeout) {
    note(m, Severity::critical,
         "split brain: " + m.policy.node_names[m.policy.peer().value()] +
             " also answers for the virtual IP, under an older epoch, as seen on its network; " +
             m.policy.node_names[m.policy.self.value()] + " stays");
  }
  m.lan.rival_at = m.now;
  m.lan.owes_answer = true;
  announce(m);
}

Instant next_word_at(const Machine& m, Instant wanted) {
  return m.lan.said.empty() ? wanted : std::max(wanted, m.lan.said.back().at + word_gap(m));
}

}  // namespace

void ask_lan_before_leading(Machine& m) {
  if (!m.policy.has_vip || m.policy.has_witness || !is_in_doubt(m)) return;
  const bool has_listened = m.lan.asked_last_at && m.now - *m.lan.asked_last_at < m.policy.timeout / 2;
  if (!has_listened) m.waiting.hold_until = m.now + asking_time(m.policy);
}

void on_lan_word(Machine& m, const LanWord& word) {
  if (!m.policy.has_vip) return;
  LanSight& lan = m.lan;
  lan.heard = word.number;
  if (word.asks) {
    lan.asked_at = m.now;
    lan.owes_answer = true;
  }
  const auto asked = answered_question_at(m, word);
  if (word.holds_vip) {
    // A number that was used is not used again, whoever repeats it.
    m.epoch_floor = std::max(m.epoch_floor, word.epoch);
    if (answers_for_vip(m) && word.epoch < epoch_of_tenure(m)) meet_older_primary(m, word);
    if (asked && (!lan.seen_at || *asked > *lan.seen_at)) {
      lan.seen_at = asked;
      lan.epoch = word.epoch;
    }
  }
  if (word.is_free && asked) {
    lan.seen_at.reset();
    // The last announcement counts for clients, and it may have been the other node's.
    if (lan.rival_at && answers_for_vip(m)) emit(m, AnnounceVip{});
    lan.rival_at.reset();
  }
}

void forget_peer_on_lan(Machine& m) {
  m.lan.seen_at.reset();
}

bool peer_holds_on_lan(const Machine& m) {
  return m.lan.seen_at && m.now - *m.lan.seen_at < m.policy.timeout;
}

bool newer_primary_on_lan(const Machine& m) {
  return peer_holds_on_lan(m) && m.lan.epoch > epoch_of_tenure(m);
}

bool is_held_back_by_lan(const Machine& m) {
  return seeks_primacy(m) && !peer_alive(m) && peer_holds_on_lan(m);
}

bool is_forestalled_on_lan(const Machine& m) {
  if (m.phase != Phase::taking_over || m.holds_vip || m.tenure.is_forced || m.policy.has_witness) return false;
  return !peer_alive(m) && peer_holds_on_lan(m);
}

std::string primary_on_lan_text(const Machine& m) {
  constexpr std::string_view name{"{peer}"};
  return m.policy.node_names[m.policy.peer().value()] + std::string{primary_on_lan_reason.substr(name.size())};
}

void speak_on_lan_if_due(Machine& m) {
  LanSight& lan = m.lan;
  if (!is_held_back_by_lan(m)) lan.is_noted = false;
  // Who waits for this node to let go need not wait for its next question.
  const bool has_let_go = lan.held_vip && !m.holds_vip;
  lan.held_vip = m.holds_vip;
  if (has_let_go && lan.asked_at && m.now - *lan.asked_at < m.policy.timeout) lan.owes_answer = true;
  if (!asks(m)) {
    lan.next_ask_at.reset();
  } else if (!lan.next_ask_at) {
    lan.next_ask_at = m.now;
  } else {
    // What was planned for a quieter role does not hold up a pressing one.
    lan.next_ask_at = std::min(*lan.next_ask_at, m.now + ask_interval(m));
  }
  const bool is_due = lan.next_ask_at && m.now >= *lan.next_ask_at;
  if ((!is_due && !lan.owes_answer) || m.now < next_word_at(m, m.now)) return;
  speak(m, is_due);
  if (!is_due) return;
  lan.asked_last_at = m.now;
  lan.next_ask_at = m.now + ask_interval(m);
}

std::optional<Instant> next_lan_deadline(const Machine& m) {
  std::optional<Instant> earliest;
  const auto consider = [&](Instant at) {
    if (at > m.now && (!earliest || at < *earliest)) earliest = at;
  };
  const LanSight& lan = m.lan;
  if (lan.owes_answer) consider(next_word_at(m, m.now));
  if (lan.next_ask_at) consider(next_word_at(m, *lan.next_ask_at));
  if (m.policy.has_vip && (has_primary_duty(m) || seeks_primacy(m))) {
    consider(m.judge.last_heard() + m.policy.timeout / 2);
  }
  if (lan.seen_at) consider(*lan.seen_at + m.policy.timeout);
  return earliest;
}

}  // namespace clusteragent::core
