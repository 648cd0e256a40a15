#pragma once
// Approach: before a planned change of roles, how close the standby is. PURE: the caller brings the views and the time.
//
// From the moment the primary is read-only nobody can write until the standby has applied what it received. Under a
// load that the standby cannot follow that would be seconds; so its primary goes on taking writes, each commit slowed
// where the server can do that, until the standby is close.
#include <chrono>
#include <deque>

#include "modules/mysql_replication/engine/plan/view.hpp"

namespace clusteragent::mysql {

class Approach {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Span = std::chrono::milliseconds;
  enum class Verdict {
    wait,
    slow,   // it does not come closer by itself: commits are to be slowed; said until it is close
    close,  // or there is nothing to wait for
    lost,   // the standby does not apply what it receives, or is not reached
    over    // it took too long
  };

  Approach(Time begun, bool can_slow) : begun_{begun}, can_slow_{can_slow} {}

  Verdict look(const View& own, const View& peer, Time now);
  /// By how much the standby is behind, at least: the age of the newest position that it has applied.
  Span behind(Time now) const;

 private:
  struct Position {
    Gtids executed;
    Time seen;
  };

  Time begun_;
  bool can_slow_;
  std::deque<Position> open_;  // not applied, the oldest first
  std::optional<Time> reached_;  // when the newest position that the standby has applied was seen
};

}  // namespace clusteragent::mysql
