#pragma once
// What a former life of the agent left in the module's run directory (core/handover.hpp). The file belongs to whoever
// removes it, see GuardLink::hand_over: the next life takes it by another name first and removes it when its own guard
// knows everything. Of another boot, damaged, or overdue: there is nothing to go on with, and the ordinary clean-up
// applies. Functions without state; they block; the decision thread, at the start and the end of a life.
#include <optional>
#include <string>

#include "agent/base/result.hpp"
#include "agent/core/handover.hpp"

namespace clusteragent::daemon {

struct LeftBehind {
  core::Handover handover;
  std::string addresses;  // virtual, in the order of the configuration: others cannot be adopted
};

/// No fsync: it is of no use to another boot.
Status leave_handover(const std::string& path, const LeftBehind& left);
/// nullopt: nothing was left. The error says why what was left is of no use.
Result<std::optional<LeftBehind>> take_handover(const std::string& path, Instant now);
/// The last step. False: the former life's guard was faster and has let go of everything.
bool finish_handover(const std::string& path);
/// There is nothing to go on with, and the guard that waits need not wait.
void discard_handover(const std::string& path);

}  // namespace clusteragent::daemon
