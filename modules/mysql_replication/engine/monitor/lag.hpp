#pragma once
// Lag: for how long the standby has been behind the primary. PURE: the caller brings the views and the time, of one
// clock that never steps. One caller at a time.
//
// Measured by GTID: each position seen at the primary is remembered with its time, and the lag is the age of the oldest
// one that the standby has not applied. The server's own number says 0 while the link is dead, and a row written every
// second would be a transaction of the old primary's alone after every cut. Exact to a look at the primary.
#include <chrono>
#include <deque>
#include <optional>

#include "modules/mysql_replication/engine/plan/view.hpp"

namespace clusteragent::mysql {

class Lag {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Span = std::chrono::milliseconds;

  /// It follows another one, or none.
  void forget();
  void seen_primary(const View& primary, Time now);
  void seen_standby(const View& standby);
  /// Nothing: it has never had all that the primary had. While the primary is not seen, the standby may be behind for
  /// as long as that.
  std::optional<Span> value(Time now) const;
  /// Transactions of the primary, as it was seen last, that are not applied.
  std::uint64_t transactions() const { return transactions_; }

 private:
  struct Position {
    Gtids executed;
    Time since;
  };
  std::deque<Position> open_;  // not applied, the oldest first
  std::optional<Time> primary_seen_;
  bool is_measured_ = false;
  std::uint64_t transactions_ = 0;
};

}  // namespace clusteragent::mysql
