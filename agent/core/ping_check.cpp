#include "agent/core/ping_check.hpp"

#include <algorithm>

#include "agent/core/machine.hpp"

namespace clusteragent::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t asks_max = 64;
constexpr PhaseSet asking_phases{Phase::electing,   Phase::blocked, Phase::prim,
                                 Phase::restarting, Phase::joining, Phase::second};

// Several times before the verdict, so that packets may get lost; while nothing hangs on it, rarely.
Duration ask_gap(const Machine& m) {
  if (m.phase == Phase::blocked) return seconds{1};
  return std::clamp<Duration>(m.policy.timeout / 16, milliseconds{5}, seconds{1});
}

// From here on the targets are asked, so that they have answered by the time of the verdict.
Instant doubt_begins(const Machine& m) {
  return m.judge.last_heard() + m.policy.timeout / 2;
}

bool is_asking(const Machine& m) {
  return m.policy.asks_ping && asking_phases.contains(m.phase) && (peer_lost(m) || m.now >= doubt_begins(m));
}

}  // namespace

bool ping_allows(const Machine& m) {
  if (!m.policy.asks_ping || m.operator_insists || m.operator_forces) return true;
  return m.ping.allowed_at && m.now - *m.ping.allowed_at < m.policy.timeout;
}

bool ping_withholds(const Machine& m) {
  if (ping_allows(m)) return false;
  return m.ping.asking_since && m.now - *m.ping.asking_since >= m.policy.timeout / 2;
}

void ask_ping_if_due(Machine& m) {
  PingSight& ping = m.ping;
  if (!is_asking(m)) {
    ping.asking_since.reset();
    return;
  }
  if (!ping.asking_since) {
    ping.asking_since = m.now;
    ping.next_ask_at = m.now;
  }
  if (m.now < ping.next_ask_at) return;
  ping.asks.push_back({ping.next_number, m.now});
  if (ping.asks.size() > asks_max) ping.asks.pop_front();
  AskWitness question;
  question.ask = ping.next_number++;
  question.request.from = m.policy.self;
  question.request.record = m.durable.record;
  emit(m, question);
  ping.next_ask_at = m.now + ask_gap(m);
}

void on_ping_answer(Machine& m, const WitnessAnswered& event) {
  const auto asked = std::find_if(m.ping.asks.begin(), m.ping.asks.end(),
                                  [&](const PingSight::Ask& one) { return one.number == event.ask; });
  if (asked == m.ping.asks.end() || !event.answer.is_granted) return;
  m.ping.allowed_at = asked->at;
  m.ping.asks.erase(m.ping.asks.begin(), asked + 1);
}

std::optional<Instant> next_ping_deadline(const Machine& m) {
  if (!m.policy.asks_ping || !asking_phases.contains(m.phase)) return std::nullopt;
  if (!m.ping.asking_since) return is_asking(m) ? m.now : doubt_begins(m);
  Instant earliest = m.ping.next_ask_at;
  const Instant verdict = *m.ping.asking_since + m.policy.timeout / 2;
  if (verdict > m.now) earliest = std::min(earliest, verdict);
  if (m.ping.allowed_at) {
    const Instant ends = *m.ping.allowed_at + m.policy.timeout;
    if (ends > m.now) earliest = std::min(earliest, ends);
  }
  return earliest;
}

}  // namespace clusteragent::core
