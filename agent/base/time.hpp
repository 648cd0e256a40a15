#pragma once
// Time as the whole program sees it: an argument, never a global.
//
// An Instant is a reading of CLOCK_BOOTTIME in nanoseconds (clock_gettime(2): it goes on while the machine is
// suspended). It means something on the machine and boot that it was read on and nowhere else. Wall time appears in
// logs only. Reading the clock is the shell's business (agent/platform); pure folders get an Instant passed in.
#include <chrono>
#include <compare>
#include <cstdint>

namespace clusteragent {

using Duration = std::chrono::nanoseconds;

class Instant {
 public:
  constexpr Instant() = default;
  static constexpr Instant from_nanoseconds(std::int64_t since_boot) { return Instant{since_boot}; }

  constexpr std::int64_t nanoseconds() const { return since_boot_; }

  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Instant operator+(Instant at, Duration by) { return Instant{at.since_boot_ + by.count()}; }
  friend constexpr Instant operator-(Instant at, Duration by) { return Instant{at.since_boot_ - by.count()}; }
  friend constexpr Duration operator-(Instant later, Instant earlier) {
    return Duration{later.since_boot_ - earlier.since_boot_};
  }

 private:
  explicit constexpr Instant(std::int64_t since_boot) : since_boot_{since_boot} {}
  std::int64_t since_boot_ = 0;
};

constexpr std::int64_t to_milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

}  // namespace clusteragent
