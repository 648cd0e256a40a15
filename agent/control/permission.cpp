#include "agent/control/permission.hpp"

#include <algorithm>

namespace clusteragent::control {

bool may_act(const Caller& caller, std::uint32_t agent_user) {
  return caller.user == 0 || caller.user == agent_user;
}

bool may_read(const Caller& caller, std::optional<std::uint32_t> readers_group, std::uint32_t agent_user) {
  if (may_act(caller, agent_user)) return true;
  return readers_group && std::find(caller.groups.begin(), caller.groups.end(), *readers_group) != caller.groups.end();
}

}  // namespace clusteragent::control
