#pragma once
// RateLimit: when the next bytes may go, so that over time no more than so many a second do. Pure: the caller says what
// time it is, and waits. One caller at a time.
#include <algorithm>
#include <cstdint>

#include "agent/base/time.hpp"

namespace clusteragent::filesync {

class RateLimit {
 public:
  /// 0: none.
  explicit RateLimit(std::uint64_t bytes_per_second) : bytes_per_second_{bytes_per_second} {}

  /// How long to wait before these are sent. What was not used is not saved up: a burst would be felt by the clients.
  Duration charge(std::uint64_t bytes, Instant now) {
    if (bytes_per_second_ == 0) return Duration::zero();
    const Instant turn = std::max(free_, now);
    free_ =
        turn +
        Duration{static_cast<std::int64_t>(static_cast<double>(bytes) * 1e9 / static_cast<double>(bytes_per_second_))};
    return turn - now;
  }

 private:
  std::uint64_t bytes_per_second_;
  Instant free_{};
};

}  // namespace clusteragent::filesync
