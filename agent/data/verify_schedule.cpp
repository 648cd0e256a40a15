#include "agent/data/verify_schedule.hpp"

namespace clusteragent::data {

bool is_verify_due(std::chrono::seconds at, std::chrono::seconds now, std::optional<std::chrono::seconds> since_last) {
  constexpr std::chrono::seconds day = std::chrono::hours{24};
  const auto late = (now - at + day) % day;
  // A wall clock that was set back makes the last one lie in the future: that says nothing.
  const bool was_done = since_last && *since_last >= std::chrono::seconds::zero() && *since_last <= late;
  return late < verify_window && !was_done;
}

}  // namespace clusteragent::data
