#pragma once
// When an operator's command has done its work: decided from what status shows before and after. Pure.
#include <string>

#include "agent/core/types.hpp"

namespace clusteragent::cli {

enum class Progress { under_way, reached, missed };

/// State and activity by their names in the status document, "PRIM" and "Ready". `before` is the state when the
/// command was given. `missed`: the module has settled in another state than the one asked for.
Progress progress_of(core::Verb verb, const std::string& before, const std::string& state, const std::string& activity);

}  // namespace clusteragent::cli
