#pragma once
// Who may do what over the control socket: root acts, root and the group `clusteragent` read. Pure.
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace clusteragent::control {

struct Caller {
  std::uint32_t user = 0;
  std::vector<std::uint32_t> groups;
};

bool may_read(const Caller& caller, std::optional<std::uint32_t> readers_group);
bool may_act(const Caller& caller, std::uint32_t agent_user);

}  // namespace clusteragent::control
