#pragma once
// Draws a run from a seed: timing, policy, networks, clocks, and which faults are on. Different seeds of one profile
// are different worlds, so that a bug that needs a rare combination gets its chance. Pure functions.
#include <optional>
#include <span>
#include <string_view>

#include "tests/simulation/setup.hpp"

namespace clusteragent::simulation {

struct Profile {
  std::string_view name;
  std::string_view promise;  // for --help
  std::uint32_t weight;      // in `mixed`
};

std::span<const Profile> profiles();
bool is_profile(std::string_view name);

/// `profile` is one of profiles() or "mixed". `until` shortens the part with faults.
Setup draw(std::uint64_t seed, std::string_view profile, std::optional<Duration> until);

}  // namespace clusteragent::simulation
