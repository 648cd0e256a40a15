#pragma once
// The environment of this process, for what wants to be told it instead of reading it. Any thread, as long as nobody
// changes the environment (getenv(3)).
#include <optional>
#include <string>

namespace clusteragent::platform {

/// A value with control characters counts as undefined: it came from no file that anybody checked.
std::optional<std::string> process_environment(const std::string& name);

}  // namespace clusteragent::platform
