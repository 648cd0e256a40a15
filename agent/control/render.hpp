#pragma once
// The status document as one screen of text. Stale facts are shown as unknown. Pure.
#include <string>

#include "agent/control/status.hpp"

namespace clusteragent::control {

std::string render_status(const Json& status, bool with_colours);

}  // namespace clusteragent::control
