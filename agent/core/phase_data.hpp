#pragma once
// What the phases carry with them. Internal to agent/core, as machine.hpp; plain data that effects fill in.
#include <optional>
#include <string>

#include "agent/core/phase.hpp"
#include "agent/core/types.hpp"

namespace clusteragent::core {

/// Where a node goes once its stop scripts are through.
enum class Destination : std::uint8_t { electing, blocked, stopped };

/// Data of the leaving phases.
struct Leaving {
  Destination destination = Destination::electing;
  BlockReason block = BlockReason::none;
  std::string block_text;
  bool yields = false;      // planned: the peer is asked to take over
  bool hands_over = false;  // and the application serves until then: nothing is broken
};

/// Data of the phases from taking_over to restarting.
struct Tenure {
  Epoch epoch;
  bool is_durable = false;                    // may be named in frames and permits
  std::optional<std::uint64_t> confirm_beat;  // the permit lapsed: no renewal before the peer has heard this beat
  bool is_revoked = false;                    // on the way out: the permit is never renewed again
  Instant confirm_asked_at;                   // an answer counts as long as a permit from then would
  bool is_forced = false;                     // `prim --force`: holds without another vote until one is there
  bool is_refused = false;                    // the witness voted against this epoch
  bool is_superseded = false;                 // the witness knows a newer primary
  bool is_elected = false;                    // two votes are there; before that it is a proposal, and says so
  std::optional<Instant> quorum_wanted_since;
  std::optional<Instant> mute_since;  // with a witness: the permit lapsed, no promise lives
  bool fell_back = false;             // defaultprim: the swap to the preferred node has been tried for this peer
  Incarnation fell_back_to{};
  std::optional<Instant> second_ready_since;
  bool was_shared = false;  // both nodes held everything when it began
};

/// Data of electing and blocked.
struct Waiting {
  BlockReason block = BlockReason::none;
  std::string block_text;
  std::optional<Instant> hold_until;   // back-off after a failed start
  std::optional<Instant> yield_until;  // the peer was asked to take over
  bool needs_peer = false;             // had a role when it was cut off: an answer from outside is not enough
};

struct LinkState {
  bool has_link = true;
  Instant since;
};

}  // namespace clusteragent::core
