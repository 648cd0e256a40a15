#include "agent/core/restart_budget.hpp"

#include <algorithm>

namespace clusteragent::core {

RestartBudget::RestartBudget(std::uint32_t restarts_max, Duration window, std::uint32_t used, Duration window_left,
                             Instant now)
    : restarts_max_{restarts_max}, window_{window}, used_{used}, window_ends_{now + std::min(window_left, window)} {}

bool RestartBudget::take(Instant now) {
  if (window_ == Duration::zero()) return true;
  if (used_ == 0 || now >= window_ends_) {
    used_ = 0;
    window_ends_ = now + window_;
  }
  if (used_ >= restarts_max_) return false;
  ++used_;
  return true;
}

void RestartBudget::reset() {
  used_ = 0;
}

std::uint32_t RestartBudget::used(Instant now) const {
  return now >= window_ends_ ? 0 : used_;
}

Duration RestartBudget::window_left(Instant now) const {
  return used(now) == 0 ? Duration::zero() : window_ends_ - now;
}

std::optional<Instant> RestartBudget::window_ends() const {
  if (used_ == 0) return std::nullopt;
  return window_ends_;
}

}  // namespace clusteragent::core
