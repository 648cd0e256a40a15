#pragma once
// <splitbrain exec="ping">: a node that hears its peer no longer goes on alone only when an address outside answers
// it. No vote and no promise: two nodes that both get an answer both go on. Apart from quorum.hpp, so that no answer
// ever lengthens a permit. Internal to agent/core, as machine.hpp; source: SafeKit's User's Guide 8.2, 13.18.
#include <deque>
#include <optional>

#include "agent/core/events.hpp"

namespace clusteragent::core {

struct Machine;

struct PingSight {
  struct Ask {
    std::uint64_t number = 0;
    Instant at;
  };
  std::deque<Ask> asks;  // newest last, at most asks_max
  std::uint64_t next_number = 1;
  Instant next_ask_at;
  std::optional<Instant> asking_since;  // the peer is in doubt since then
  std::optional<Instant> allowed_at;    // when that was asked which an address has answered
};

/// No targets are configured, one of them answers, or the operator has decided.
bool ping_allows(const Machine& m);
/// They were asked for long enough and none answers.
bool ping_withholds(const Machine& m);
void ask_ping_if_due(Machine& m);
void on_ping_answer(Machine& m, const WitnessAnswered& event);
std::optional<Instant> next_ping_deadline(const Machine& m);

}  // namespace clusteragent::core
