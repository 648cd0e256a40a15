#include "agent/platform/clock.hpp"

#include <time.h>

#include "agent/base/assert.hpp"

namespace clusteragent::platform {

Instant boottime_now() {
  timespec reading{};
  CLUSTERAGENT_ASSERT(::clock_gettime(CLOCK_BOOTTIME, &reading) == 0);
  constexpr std::int64_t nanoseconds_per_second = 1'000'000'000;
  return Instant::from_nanoseconds(reading.tv_sec * nanoseconds_per_second + reading.tv_nsec);
}

std::int64_t unix_seconds() {
  timespec reading{};
  CLUSTERAGENT_ASSERT(::clock_gettime(CLOCK_REALTIME, &reading) == 0);
  return reading.tv_sec;
}

}  // namespace clusteragent::platform
