#pragma once
// What `clusteragent swap` would do to two servers that replicate to each other, and what speaks against it, from the
// status of either node. Pure; a value.
#include <string>
#include <vector>

#include "agent/control/status.hpp"

namespace clusteragent::control {

struct SwapPlan {
  std::vector<std::string> steps;      // in their order; empty where the roles are not known
  std::vector<std::string> obstacles;  // each a sentence; none: it can begin
};

/// For a module with <mysqlreplication>. `status`: this node's document, with the other one's report in it.
SwapPlan mysql_swap_plan(const Json& status);

}  // namespace clusteragent::control
