#pragma once
// What keeps hands off the directory of a secondary while no agent runs: a read-only mount of the directory over itself
// (mount_setattr(2)), which outlives the process and goes with a reboot; whoever tries to write gets EROFS.
// Blocking; one caller at a time for each directory. Errors: text for the operator.
#include <string>

#include "agent/base/result.hpp"

namespace clusteragent::filesync {

/// Once more: does nothing.
Status protect_directory(const std::string& directory);
/// Success where there is nothing to take away.
Status unprotect_directory(const std::string& directory);

/// What is mounted last on the directory, by the text of /proc/self/mountinfo (proc(5)), is the directory itself once
/// more, read-only. Pure.
bool is_protection(const std::string& mountinfo, const std::string& directory);

}  // namespace clusteragent::filesync
