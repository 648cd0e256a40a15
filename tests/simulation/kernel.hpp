#pragma once
// The part of a host that outlives its agent: power, clock, the virtual address, the permit element and the
// application. Whether two hosts answer for the virtual IP is a statement about two Kernels, never about two agents: a
// stopped agent changes nothing here. Plain value, owned by Host.
#include <optional>

#include "agent/core/actions.hpp"
#include "tests/simulation/clock_model.hpp"

namespace clusteragent::simulation {

struct Kernel {
  ClockModel clock;
  bool is_powered = true;
  bool is_stalled = false;  // the whole machine stands still
  bool has_link = true;     // of the interface that carries the virtual IP
  bool holds_address = false;
  bool is_permit_enforced = true;  // only a broken variant says no
  bool runs_service = false;
  std::optional<core::SetPermit> permit{};

  bool has_live_permit(TrueTime now) const {
    return is_powered && permit.has_value() && clock.local(now) < permit->until;
  }
  bool answers(TrueTime now) const {
    return is_powered && !is_stalled && holds_address && (has_live_permit(now) || !is_permit_enforced);
  }
  void lose_power() {
    is_powered = false;
    is_stalled = false;
    holds_address = false;
    runs_service = false;
    permit.reset();
  }
};

}  // namespace clusteragent::simulation
