#pragma once
// Versions of the frame bodies and how two agents agree on one. Two neighbouring versions work together, so that nodes
// can be upgraded one at a time. Pure; any thread.
#include <cstdint>
#include <optional>

namespace clusteragent::wire {

struct VersionRange {
  std::uint8_t lowest = 0;
  std::uint8_t highest = 0;
  constexpr bool contains(std::uint8_t version) const { return lowest <= version && version <= highest; }
  friend constexpr bool operator==(VersionRange, VersionRange) = default;
};

constexpr VersionRange own_versions{1, 2};

/// Highest version that both speak; nullopt: none.
constexpr std::optional<std::uint8_t> common_version(VersionRange a, VersionRange b) {
  const std::uint8_t lowest = a.lowest > b.lowest ? a.lowest : b.lowest;
  const std::uint8_t highest = a.highest < b.highest ? a.highest : b.highest;
  if (highest < lowest) return std::nullopt;
  return highest;
}

/// What to send in: the highest common version, and the lowest own one while the peer's are unknown or have nothing in
/// common with ours: of all that this build speaks it is the likeliest to be read by a peer that is older.
constexpr std::uint8_t version_for(VersionRange own, std::optional<VersionRange> peer) {
  if (!peer) return own.lowest;
  return common_version(own, *peer).value_or(own.lowest);
}

}  // namespace clusteragent::wire
