#include "agent/wire/replay_window.hpp"

namespace clusteragent::wire {

bool ReplayWindow::accept(std::uint64_t sequence) {
  if (sequence > highest_) {
    const std::uint64_t ahead = sequence - highest_;
    seen_ = ahead >= width ? 0 : seen_ << ahead;
    seen_ |= 1;
    highest_ = sequence;
    return true;
  }
  const std::uint64_t behind = highest_ - sequence;
  if (behind >= width || ((seen_ >> behind) & 1U) != 0) return false;
  seen_ |= std::uint64_t{1} << behind;
  return true;
}

}  // namespace clusteragent::wire
