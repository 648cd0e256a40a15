#pragma once
// A small file of the engine's own folder, replaced as a whole: after a crash it is the old one or the new one. One
// caller at a time for each name.
#include <optional>
#include <string>

#include "agent/base/result.hpp"

namespace clusteragent::filesync {

/// On disk when it returns.
Status keep_file(const std::string& folder, const std::string& name, const std::string& content);
/// Nothing: there is none, or it cannot be read.
std::optional<std::string> kept_file(const std::string& folder, const std::string& name);

}  // namespace clusteragent::filesync
