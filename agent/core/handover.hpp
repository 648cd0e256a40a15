#pragma once
// Handover: what one life of the agent leaves to the next on the same machine, so that a restart or an upgrade touches
// neither the application nor the virtual IP. Only a settled role is handed over: no script runs and nothing is under
// way. A value; written by the agent that goes, read once by the one that comes. Source of the rules:
// docs/maintenance.md.
#include <optional>

#include "agent/core/phase.hpp"
#include "agent/core/plan.hpp"

namespace clusteragent::core {

struct Handover {
  Phase phase = Phase::second;  // alone, prim or second
  Epoch epoch{};                // of the tenure; of a secondary: of the newest record
  GroupSet running;             // script groups that have been started
  bool holds_vip = false;
  bool runs_service = false;
  // A primary's permit reaches so far, CLOCK_BOOTTIME. Afterwards there is nothing to take over.
  Instant until;
  friend bool operator==(const Handover&, const Handover&) = default;
};

/// The state on disk agrees with what was left: nothing else was decided in between.
bool may_resume(const Handover& left, const DurableState& durable, NodeId self);

/// How far the first permit of a resumed life reaches: as an ordinary one does.
Duration first_permit(Duration timeout);

}  // namespace clusteragent::core
