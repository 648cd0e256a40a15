#pragma once
// RetryPause: how long the primary waits before it turns to the replica again. A value; no I/O.
#include <algorithm>
#include <chrono>

#include "agent/base/time.hpp"

namespace clusteragent::filesync {

class RetryPause {
 public:
  /// How the last attempt ended: not reached, or lost in the middle of a copy; lost while it was up to date; it said
  /// that it cannot do what it gets, a full disk for one.
  enum class End { broken_off, up_to_date, failed };

  /// One that was well a moment ago is asked again soon. One that failed is given more time: each attempt is a copy,
  /// and an alarm there.
  Duration after(End end) {
    if (end == End::up_to_date) next_ = first;
    const Duration pause = std::min(next_, end == End::failed ? failed_max : broken_off_max);
    next_ = 2 * pause;
    return pause;
  }

  static constexpr Duration first = std::chrono::milliseconds{100};
  static constexpr Duration broken_off_max = std::chrono::seconds{2};
  static constexpr Duration failed_max = std::chrono::seconds{10};

 private:
  Duration next_ = first;
};

}  // namespace clusteragent::filesync
