#pragma once
// Who may do what over the control socket: root acts, root and the group `clusteragent` read. Pure.
#include <cstdint>
#include <optional>
#include <vector>

namespace clusteragent::control {

inline constexpr const char* readers_group_name = "clusteragent";

/// As the kernel recorded it when the caller connected.
struct Caller {
  std::uint32_t user = 0;
  std::vector<std::uint32_t> groups;  // primary and supplementary
};

/// nullopt: the machine has no such group.
bool may_read(const Caller& caller, std::optional<std::uint32_t> readers_group, std::uint32_t agent_user);
bool may_act(const Caller& caller, std::uint32_t agent_user);

}  // namespace clusteragent::control
