#include "agent/fence/guard_watchdog.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/fence/guard_acts.hpp"

namespace clusteragent::fence {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
// A lost turn or two of a busy machine must not reset it.
constexpr int feeds_per_timeout = 4;
constexpr std::int64_t look_again_ns = second_ns;
constexpr char food = '.';
constexpr char magic_close = 'V';

}  // namespace

const WatchdogCalls& system_watchdog() {
  static constexpr WatchdogCalls calls{
      [](const char* path) { return ::open(path, O_WRONLY | O_CLOEXEC); },
      [](int device, unsigned long request, void* answer) { return ::ioctl(device, request, answer); },
      [](int device, char what) { return ::write(device, &what, 1) == 1; }, [](int device) { ::close(device); }};
  return calls;
}

int GuardWatchdog::open(const char* path, int wanted_s, WatchdogText why) {
  device_ = calls_->open(path);
  if (device_ < 0) {
    const bool is_taken = errno == EBUSY;
    say(why.text, why.bytes, "cannot open the watchdog %s: %s%s", path, ::strerror(errno),
        is_taken ? "; another process has it: systemd (RuntimeWatchdogSec=), or the guard of another module" : "");
    return 0;
  }
  // A driver whose timeout is fixed refuses; it may be long enough all the same.
  int asked = wanted_s;
  calls_->control(device_, WDIOC_SETTIMEOUT, &asked);
  int accepted = 0;
  if (calls_->control(device_, WDIOC_GETTIMEOUT, &accepted) != 0) {
    say(why.text, why.bytes, "the watchdog %s does not tell its timeout: %s", path, ::strerror(errno));
    return give_back();
  }
  if (accepted < wanted_s) {
    say(why.text, why.bytes, "the watchdog %s resets the machine after %d s at the latest, and %d s are needed", path,
        accepted, wanted_s);
    return give_back();
  }
  interval_ = accepted * second_ns / feeds_per_timeout;
  next_feed_ = 0;
  return accepted;
}

bool GuardWatchdog::feed(std::int64_t now, bool may_live, WatchdogText why) {
  if (!may_live) {
    next_feed_ = now + look_again_ns;
    return true;
  }
  next_feed_ = now + interval_;
  if (calls_->write(device_, food) || has_refused_) return true;
  has_refused_ = true;
  say(why.text, why.bytes, "the watchdog does not take its food, the machine will be reset: %s", ::strerror(errno));
  return false;
}

void GuardWatchdog::stop() {
  if (is_open()) give_back();
}

int GuardWatchdog::give_back() {
  calls_->write(device_, magic_close);
  calls_->close(device_);
  device_ = -1;
  next_feed_ = INT64_MAX;
  return 0;
}

bool is_done(const GuardDuty& duty, std::int64_t now) {
  return !duty.holds_address || duty.has_let_go || now < duty.due;
}

}  // namespace clusteragent::fence
