#pragma once
// RestartBudget: SafeKit's maxloop and loop_interval. Counts the restarts that failures asked for; an administrator's
// command gives a new budget. The window is kept as time left, so that it survives a reboot, where instants do not.
// Pure; owned by the Cluster.
#include <cstdint>
#include <optional>

#include "agent/base/time.hpp"

namespace clusteragent::core {

class RestartBudget {
 public:
  RestartBudget(std::uint32_t restarts_max, Duration window, std::uint32_t used, Duration window_left, Instant now);

  /// Takes one restart; false when the budget is used up. A window of 0 means no limit.
  bool take(Instant now);
  void reset();
  std::uint32_t used(Instant now) const;
  std::uint32_t max() const { return restarts_max_; }
  Duration window_left(Instant now) const;
  std::optional<Instant> window_ends() const;

 private:
  std::uint32_t restarts_max_;
  Duration window_;
  std::uint32_t used_ = 0;
  Instant window_ends_;
};

}  // namespace clusteragent::core
