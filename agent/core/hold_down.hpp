#pragma once
// HoldDown: what keeps the service from going to and fro. Each change of role that this node made by itself is counted;
// a few of them are an ordinary failover and the way back, more within a window are flapping. From then on a move that
// nobody needs is held back for a time that doubles with every further change, up to a bound, and that shrinks again as
// old changes leave the window.
//
// It never delays what is needed: taking over from a node that is dead, silent, gone or not able to serve, letting go
// for a newer primary, a lost link or lost votes, giving way to a peer that is deaf (it takes over anyway; holding on
// would only make two of them), and whatever an operator asks for. An outage is worse than a flap. What it does delay:
// the way back to the node of defaultprim, and a take-over by preference from a peer that was primary last and is just
// as able to go on. Where both would be lawful, serving stays where it is.
//
// Pure; owned by the Cluster; time is the caller's; forgotten when the agent ends.
#include <cstdint>
#include <deque>
#include <optional>

#include "agent/base/time.hpp"

namespace clusteragent::core {

struct HoldDownLimits {
  Duration first = std::chrono::seconds{10};    // of the first change too many
  Duration longest = std::chrono::minutes{10};  // an operator may be asked to wait that long, or to swap by hand
  Duration window = std::chrono::hours{1};      // of the changes that count
};

class HoldDown {
 public:
  /// A failover, the way back, and one to be forgiven.
  static constexpr std::size_t changes_free = 3;
  /// More are not remembered: the bound of the hold is reached long before.
  static constexpr std::size_t changes_max = 32;

  explicit HoldDown(HoldDownLimits limits) : limits_{limits} {}

  void role_changed(Instant now);
  bool is_held(Instant now) const { return until_ && now < *until_; }
  /// When the hold ends; nullopt: nothing is held.
  std::optional<Instant> until(Instant now) const;
  /// Of the last window.
  std::size_t changes(Instant now) const;
  Duration window() const { return limits_.window; }

 private:
  HoldDownLimits limits_;
  std::deque<Instant> changed_at_;  // oldest first
  std::optional<Instant> until_;
};

/// What the machine keeps beside the count.
struct RoleChanges {
  HoldDown hold_down;
  bool is_own_doing = false;           // no operator asked for this tenure
  std::optional<Instant> noted_until;  // the hold that the log knows
};

}  // namespace clusteragent::core
