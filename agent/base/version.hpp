#pragma once
// The version of this build, as `clusteragent version` and the status show it.
#include <string_view>

namespace clusteragent {
inline constexpr std::string_view version = CLUSTERAGENT_VERSION;
}
