#pragma once
// WitnessGate: which questions of one node the witness takes for new. Neither side has a clock in common with the
// other, and the witness forgets everything when it is started anew; so a life of an asker is believed only when it
// repeats a challenge that was made after everything it could have been recorded from. Pure; one a module and node; one
// caller at a time.
//
// 1. The challenge begins at random with each life of the witness and grows by one with each life that is believed, so
//    that no former life proves itself again.
// 2. Within the believed life ask numbers grow: what is repeated or overtaken is dropped.
#include <cstdint>
#include <optional>

#include "agent/wire/witness_frame.hpp"

namespace clusteragent::wire {

enum class Entry : std::uint8_t {
  admitted,
  unproven,  // answer with challenge_for(), decide nothing
  stale,     // a repetition, or overtaken by a later one: no answer
};

class WitnessGate {
 public:
  /// `challenge`: random, not 0; never one of an earlier gate of the same module and node.
  explicit WitnessGate(std::uint64_t challenge) : next_challenge_{challenge} {}

  /// Of an authentic request.
  Entry judge(const WitnessHeader& header);
  /// What an asker of that incarnation has to repeat.
  std::uint64_t challenge_for(Incarnation incarnation) const;

 private:
  struct Life {
    Incarnation incarnation{};
    std::uint64_t challenge = 0;
    std::uint64_t ask = 0;  // the newest that was admitted
  };
  std::optional<Life> believed_;
  std::uint64_t next_challenge_;
};

}  // namespace clusteragent::wire
