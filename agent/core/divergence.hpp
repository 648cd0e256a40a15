#pragma once
// The mark of a split brain's loser: two primaries at once, which only happens without a witness, leave what the
// loser's application wrote on that node alone. Nothing merges it. The mark is on disk, shown, and stays until an
// operator takes it away; it changes no role. Internal to agent/core, as machine.hpp; what it means:
// docs/data-safety.md.
#include "agent/core/events.hpp"

namespace clusteragent::core {

struct Machine;

/// A primary is about to leave for a newer one.
void mark_divergence(Machine& m);
/// `clusteragent acknowledge`: somebody has dealt with what the mark is about.
void acknowledge_divergence(Machine& m, const OperatorRequest& request);

}  // namespace clusteragent::core
