#pragma once
// Steadiness: which changes of role count for the hold-down, and which moves it holds back. Internal to agent/core, as
// machine.hpp; the rule stands in hold_down.hpp.
#include "agent/core/machine.hpp"
#include "agent/core/transition_table.hpp"

namespace clusteragent::core {

/// Called with the phase that the row leaves, before its effect: counts it if this node took or left the role by
/// itself.
void count_role_change(Machine& m, const TransitionRow& row);

/// Both could serve, the peer did so last, and the service has moved too often lately: it goes on there.
bool defers_to_last_holder(const Machine& m);

/// One line when a hold begins, grows or ends.
void note_hold_down(Machine& m);

}  // namespace clusteragent::core
