#pragma once
// Two votes of three, where there is a witness: what is known of the votes, and what follows from it. Internal to
// agent/core, as machine.hpp; the rules stand in docs/witness.md.
#include <deque>
#include <optional>

#include "agent/core/events.hpp"

namespace clusteragent::core {

struct Machine;

/// What this node knows of the witness and through it.
struct WitnessSight {
  struct Ask {
    std::uint64_t number = 0;
    Instant at;
    WitnessVerb verb = WitnessVerb::query;
    Record record;
  };
  std::deque<Ask> asks;  // newest last, at most asks_max
  std::uint64_t next_number = 1;
  Instant next_ask_at;
  std::optional<Instant> silent_since;    // it owes an answer since then
  std::optional<Instant> heard_at;        // the newest answer
  WitnessAnswer answer;                   // to the newest ask that was answered
  std::uint64_t answered = 0;             // its number
  std::optional<Instant> allowed_at;      // when the question was asked to which it said that it would vote for us
  std::optional<Instant> promised_until;  // counted from the asking
  bool is_noted_silent = false;           // the log says so
  std::optional<Instant> released_at;     // we have let go then and it does not know yet
};

/// A beat of ours, to be recognised when the peer says that it has heard it.
struct SentBeat {
  std::uint64_t beat = 0;
  Instant at;
};

/// Until when no other node can become primary: the longer of the peer's and the witness's promise. Without a witness
/// it is what a heartbeat sent now is worth.
std::optional<Instant> promised_until(const Machine& m);
/// The same, of real promises alone.
std::optional<Instant> promised_by_others(const Machine& m);
bool has_quorum(const Machine& m);
/// A tenure that waits for its second vote or for the fence script: nobody takes it for a primary, and nobody may lead
/// on it.
bool is_proposal(const Machine& m);
/// The witness said that it would vote for this node, lately.
bool witness_allows(const Machine& m);
/// It answered otherwise, or has not answered for so long that it cannot be waited for.
bool witness_withholds(const Machine& m);
/// Remembers the beat just sent, if it is one on which the peer may not lead.
void note_claim(Machine& m);
void forget_promises(Machine& m);
/// The witness is told that another node may lead.
void owe_release(Machine& m);
/// The peer's newest frame, by which it promises to wait for a whole timeout from the beat that it has heard.
void take_peer_promise(Machine& m);
/// The promises run short: the peer is asked at once, again and again, and answers each time more than once.
bool promise_probe_is_due(const Machine& m);
void on_witness_answer(Machine& m, const WitnessAnswered& event);
void ask_witness_if_due(Machine& m);
/// Says when the witness falls silent and when it is back: it is needed only when something else has failed already.
void note_witness(Machine& m);
std::optional<Instant> next_witness_deadline(const Machine& m);
/// Extends the permit as far as promises reach.
void renew_permit(Machine& m);

}  // namespace clusteragent::core
