#pragma once
// What a host's CLOCK_BOOTTIME shows: offset + rate x true time. It stands still only while a virtual machine is
// stalled by a hypervisor that hides the stall from its guest. Value; single-threaded.
#include <cstdint>

#include "agent/base/assert.hpp"
#include "agent/base/time.hpp"
#include "tests/simulation/event_queue.hpp"

namespace clusteragent::simulation {

class ClockModel {
 public:
  ClockModel(Instant reading, std::int32_t rate_ppm, TrueTime now)
      : anchor_local_{reading}, anchor_true_{now}, rate_{million + rate_ppm} {}

  Instant local(TrueTime now) const {
    if (is_stopped_) {
      return anchor_local_;
    }
    return anchor_local_ + Duration{(now - anchor_true_).count() / million * rate_ +
                                    (now - anchor_true_).count() % million * rate_ / million};
  }

  /// The first true instant at which the clock shows at least `reading`, unless it is stopped meanwhile.
  TrueTime true_at(Instant reading) const {
    const Duration ahead = reading - anchor_local_;
    if (ahead <= Duration::zero()) {
      return anchor_true_;
    }
    TrueTime when = anchor_true_ + Duration{ahead.count() / rate_ * million + ahead.count() % rate_ * million / rate_};
    while (running_local(when) < reading) {
      when += Duration{1};
    }
    return when;
  }

  void stop(TrueTime now) {
    move_anchor(now);
    is_stopped_ = true;
  }
  void go_on(TrueTime now) {
    CLUSTERAGENT_ASSERT(is_stopped_);
    anchor_true_ = now;
    is_stopped_ = false;
  }
  bool is_stopped() const { return is_stopped_; }

 private:
  static constexpr std::int64_t million = 1'000'000;

  Instant running_local(TrueTime when) const {
    ClockModel copy = *this;
    copy.is_stopped_ = false;
    return copy.local(when);
  }
  void move_anchor(TrueTime now) {
    anchor_local_ = local(now);
    anchor_true_ = now;
  }

  Instant anchor_local_;
  TrueTime anchor_true_;
  std::int64_t rate_;
  bool is_stopped_ = false;
};

}  // namespace clusteragent::simulation
