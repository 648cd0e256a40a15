#pragma once
// KeyRing: the cluster keys that a machine accepts at one time. Frames are signed with the current one; while a key is
// being changed the next and the previous one are accepted as well, so that the machines can go over one after another
// (docs/operating.md). Pure; values; any thread.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/wire/keys.hpp"

namespace clusteragent::wire {

/// Each one more is a digest more for a forged frame.
constexpr std::size_t keys_accepted_max = 3;

/// Unix time in seconds, by the wall clock: it has to hold over a reboot.
using UnixSeconds = std::int64_t;

struct PreviousKey {
  Key key{};
  UnixSeconds until = 0;
  friend bool operator==(const PreviousKey&, const PreviousKey&) = default;
};

struct KeyRing {
  Key current{};
  std::optional<Key> next;
  std::optional<PreviousKey> previous;
  friend bool operator==(const KeyRing&, const KeyRing&) = default;

  /// The current one first, each once, without one that has expired.
  std::vector<Key> accepted(UnixSeconds now) const;
};

/// By which keys are named in datagrams to the witness, status and messages: the first 8 bytes of a digest. It says
/// nothing about the key.
std::uint64_t key_id(const Key& cluster_key);
/// Sixteen hexadecimal digits.
std::string key_id_text(const Key& cluster_key);

/// A line with the key, a line `until 2026-11-22T13:00:00Z`.
std::string format_previous(const PreviousKey& previous);
Result<PreviousKey> parse_previous(std::string_view text, std::string_view path);
/// 2026-11-22T13:00:00Z
std::string format_time(UnixSeconds time);

}  // namespace clusteragent::wire
