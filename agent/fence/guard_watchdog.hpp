#pragma once
// The machine's watchdog device in the guard's hands: a guard that no longer runs, or that cannot remove the addresses
// which its agent may no longer hold, ends in a reset of the machine.
//
// Ownership: it owns the open device; left open at the end of the process, the countdown goes on and the machine is
// reset. Threads: the guard's only one. No heap, no exceptions; errors are a line on standard error and a text for the
// agent. Times are CLOCK_BOOTTIME in nanoseconds, timeouts whole seconds. Source of the rules: the Linux kernel's
// watchdog interface (WDIOC_*, the magic close).
#include <cstddef>
#include <cstdint>

namespace clusteragent::fence {

/// The system's way to a device; a test has one of its own.
struct WatchdogCalls {
  int (*open)(const char* path);                                    // -1: errno says why
  int (*control)(int device, unsigned long request, void* answer);  // as ioctl
  bool (*write)(int device, char what);                             // false: errno says why
  void (*close)(int device);
};
const WatchdogCalls& system_watchdog();

/// Where a report to the agent is written.
struct WatchdogText {
  char* text;
  std::size_t bytes;
};

class GuardWatchdog {
 public:
  explicit GuardWatchdog(const WatchdogCalls& calls) : calls_{&calls} {}

  /// Starts the countdown, once. The seconds that the driver has accepted, at least `wanted_s`; 0: there is no such
  /// countdown, nothing is left running, and the text says why.
  int open(const char* path, int wanted_s, WatchdogText why);
  bool is_open() const { return device_ >= 0; }
  /// When feed() is wanted again; INT64_MAX: there is nothing to feed.
  std::int64_t next_feed() const { return next_feed_; }
  /// `may_live`: the guard's work is done as of now. Otherwise the countdown goes on, and the next look is soon. False:
  /// the device did not take it, and the text says why; said once.
  bool feed(std::int64_t now, bool may_live, WatchdogText why);
  /// The magic close: the end is an ordered one, the machine is not reset.
  void stop();

 private:
  int give_back();

  const WatchdogCalls* calls_;
  int device_ = -1;
  std::int64_t interval_ = 0;
  std::int64_t next_feed_ = INT64_MAX;
  bool has_refused_ = false;
};

/// What the addresses of this node are to the guard at a moment.
struct GuardDuty {
  bool holds_address = false;
  bool has_let_go = false;  // every address was muted and removed since the permit ended
  std::int64_t due = 0;     // from then on they must be gone: the permit is over, and the patience with the agent
};

/// The agent renews, is within the guard's patience, or has nothing more to answer with.
bool is_done(const GuardDuty& duty, std::int64_t now);

}  // namespace clusteragent::fence
