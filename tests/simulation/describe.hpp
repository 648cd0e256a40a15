#pragma once
// Events and actions in one line for traces and scenarios, and their fingerprint for the trace's hash. Pure functions.
#include <cstdint>
#include <string>

#include "agent/core/actions.hpp"
#include "agent/core/events.hpp"
#include "agent/core/view.hpp"

namespace clusteragent::simulation {

std::string describe(const core::Event&);
std::string describe(const core::Action&);
std::string describe(const core::Record&);
std::string describe(const core::PeerStatus&);
/// STATE Activity
std::string describe_state(const core::View&);

std::uint64_t fingerprint(const core::Event&);
std::uint64_t fingerprint(const core::Action&);

}  // namespace clusteragent::simulation
