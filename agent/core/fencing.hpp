#pragma once
// Fencing: the module's `fence` script, for people who have a power switch. It is called with the peer's name before a
// take-over that the peer has not agreed to, after the votes and before the virtual IP and start_prim. Success means
// that the peer is off; failure and time-out block the take-over, which is tried again after a growing pause.
//
// Until the script has succeeded the node is no primary for anybody: its heartbeats say WAIT, so a peer that was only
// cut off does not give way to it, and anything that is heard of the peer meanwhile ends the script. Promises of the
// witness are renewed while it runs. `prim --force` goes on without it. Internal to agent/core, as machine.hpp; the
// rules stand in docs/fencing.md.
#include <cstdint>

#include "agent/base/time.hpp"
#include "agent/core/actions.hpp"

namespace clusteragent::core {

struct Machine;

enum class FenceStage : std::uint8_t { none, owed, running, succeeded, failed };

struct Fencing {
  FenceStage stage = FenceStage::none;
  Instant begun_at;            // of the take-over: whatever is heard later ends it
  std::uint32_t failures = 0;  // in a row
};

/// The take-over that begins now needs the script: the module has one, the peer does not agree, nobody forces.
bool must_fence(const Machine& m);

/// A take-over that has not passed its script yet.
bool is_fencing(const Machine& m);

/// It must not go on: the peer is heard, a vote is lost, or no client could reach this node.
bool fencing_is_over(const Machine& m);

FenceTarget fence_target(const Machine& m);
void begin_fencing(Machine& m);
void on_fence_script_end(Machine& m, bool is_success);

/// True once the script has succeeded and the peer is still not heard; the role may be used from then on.
bool may_pass_fence(Machine& m);

// Effects of the transition table
void abandon_fencing(Machine& m);
void stop_while_fencing(Machine& m);
void take_over_unfenced(Machine& m);
void block_on_fence(Machine& m);

}  // namespace clusteragent::core
