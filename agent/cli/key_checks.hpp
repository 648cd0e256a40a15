#pragma once
// What the agents of this machine know about keys, asked before one is changed, and the order to read them again.
// Blocking; for the command line.
#include <string>

#include "agent/base/result.hpp"
#include "agent/cli/context.hpp"

namespace clusteragent::cli {

/// Refused while the other node of a running module is not known to accept the key. Keys of other files than the node's
/// own are not checked: a witness cannot know who else has them.
Status check_next_is_accepted(const Context& context, const std::string& file, const std::string& next_id);
/// Refused while the other node of a running module is not known to sign with another key.
Status check_previous_is_unused(const Context& context, const std::string& file, const std::string& previous_id);

/// Every agent of this machine, or its witness where the file is one of its keys. What does not run reads the keys when
/// it starts. Returns the exit code.
int tell_to_reload(const Context& context, const std::string& file);

}  // namespace clusteragent::cli
