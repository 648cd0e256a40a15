#pragma once
// Voter: what a third voter (the witness) decides. It gives each module one vote an epoch, ever, and a promise with a
// time: while a promise to one node lives, no other node gets a vote. So of two nodes that cannot hear each other at
// most one can be primary: it holds the vote of its epoch and a promise that has not run out.
//
// Pure; one a module and cluster; one caller at a time. `now` is the voter's own CLOCK_BOOTTIME. An answer that says
// `must_store` may leave only after state() is on disk; a promise must outlive a restart of the process, and a machine
// that was rebooted is told to stay silent for one lease. Source of the rules: docs/witness.md.
#include <optional>

#include "agent/core/types.hpp"

namespace clusteragent::core {

enum class WitnessVerb : std::uint8_t {  // on the wire: do not renumber
  query = 0,                             // would you vote for me? Changes nothing
  renew = 1,                             // I hold this record; promise me another lease
  vote = 2,                              // I propose this record, with myself as holder
  release = 3,                           // I have let go: take the promise back
};

struct WitnessRequest {
  WitnessVerb verb = WitnessVerb::query;
  NodeId from{};
  Record record;           // held (renew, release), proposed (vote), newest known (query)
  Duration lease{};        // for how long the promise is asked
  bool is_forced = false;  // the operator accepts the loss of writes: the sync set is not looked at
  friend bool operator==(const WitnessRequest&, const WitnessRequest&) = default;
};

enum class Refusal : std::uint8_t {  // on the wire: do not renumber
  none = 0,
  promised = 1,          // to the other node; it runs out in retry_after
  outdated = 2,          // the voter knows a newer record
  voted = 3,             // the vote of that epoch went to the other node
  rebooted = 4,          // promises may be forgotten; silent for retry_after
  outside_sync_set = 5,  // the other node holds writes that this one lacks
  not_stored = 6,        // the voter's disk does not take it
};

struct WitnessAnswer {
  bool is_granted = false;
  Refusal refusal = Refusal::none;
  Record record;           // the newest that the voter knows
  Duration retry_after{};  // with promised and rebooted
  friend bool operator==(const WitnessAnswer&, const WitnessAnswer&) = default;
};

/// On disk before an answer that depends on it.
struct VoterState {
  Record record;
  Epoch voted_epoch;  // the highest in which a vote was given
  NodeId voted_for{};
  Duration lease_max{};  // the longest promise ever given: how long a rebooted voter stays silent
  friend bool operator==(const VoterState&, const VoterState&) = default;
};

struct Promise {
  NodeId holder{};
  Instant until;
  friend bool operator==(const Promise&, const Promise&) = default;
};

class Voter {
 public:
  /// `promise`: carried over a restart of the process. `silent_until`: of a rebooted machine.
  explicit Voter(const VoterState& loaded, std::optional<Promise> promise = {}, Instant silent_until = {});

  struct Decision {
    WitnessAnswer answer;
    bool must_store = false;  // state() changed
  };
  Decision decide(Instant now, const WitnessRequest& request);

  const VoterState& state() const { return state_; }
  const std::optional<Promise>& promise() const { return promise_; }

 private:
  Refusal why_not(Instant now, const WitnessRequest& request) const;

  VoterState state_;
  std::optional<Promise> promise_;
  Instant silent_until_;
};

}  // namespace clusteragent::core
