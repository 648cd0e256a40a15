#pragma once
// The words that operators, scripts and logs use for the core's values. Pure functions.
#include <string_view>

#include "agent/core/voter.hpp"

namespace clusteragent::core {

std::string_view name_of(ModuleState);  // STOP WAIT ALONE PRIM SECOND
std::string_view name_of(Activity);     // NotReady Transient Ready
std::string_view name_of(Verb);
std::string_view name_of(ScriptKind);  // file name of the script
std::string_view name_of(WatchClass);
std::string_view name_of(FailureAction);
std::string_view name_of(BlockReason);  // identifier, as in JSON
std::string_view name_of(WitnessVerb);
/// For people: why the witness says no, after "the witness".
std::string_view describe(Refusal);
/// For people: what blocks the node, in a clause that can follow "not promotable: ".
std::string_view describe(BlockReason);

}  // namespace clusteragent::core
