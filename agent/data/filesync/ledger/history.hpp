#pragma once
// History: whose changes a copy has. A primary that begins to lead begins a history under a random name; a replica
// takes that name over when a copy of it has ended. By the names alone two nodes know whether what they remember of
// changes covers all that differs between them. Values; pure; any thread.
#include <cstdint>

namespace clusteragent::filesync {

struct HistoryId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  explicit operator bool() const { return high != 0 || low != 0; }
  friend bool operator==(const HistoryId&, const HistoryId&) = default;
};

/// What a node knows of its own copy.
struct Standing {
  bool has_led = false;  // wrote `history` itself; otherwise has it from who did
  HistoryId history;     // none: nothing is known
  HistoryId parent;      // what the copy held when the own history began
  friend bool operator==(const Standing&, const Standing&) = default;
};

/// All that differs is in what the primary remembers, joined with what a replica remembers that once led.
inline bool is_difference_known(const Standing& primary, const Standing& replica) {
  if (!primary.history || !replica.history) return false;
  if (!replica.has_led) return replica.history == primary.history;
  // Both wrote, from the same state on: one of them while it took the other for lost.
  return replica.history == primary.parent || replica.parent == primary.history;
}

}  // namespace clusteragent::filesync
