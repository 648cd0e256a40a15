#pragma once
// Texts made from the transition table: the diagram of docs/states.md and the answer of `clusteragent explain`. Pure.
#include <optional>
#include <string>

#include "agent/core/phase.hpp"

namespace clusteragent::core {

/// The whole page docs/states.md; a test fails when the committed one is stale.
std::string states_page();
/// What can happen in a state (STOP, WAIT, ALONE, PRIM, SECOND; any case), one line a row; nullopt: no such state.
std::optional<std::string> explain_state(const std::string& state);

}  // namespace clusteragent::core
