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
  bool holds_reader = false;             // the readers' address is on the interface
  bool is_reader_lease_enforced = true;  // only a broken variant says no
  std::optional<Instant> reader_until{};

  bool has_live_permit(TrueTime now) const {
    return is_powered && permit.has_value() && clock.local(now) < permit->until;
  }
  bool answers(TrueTime now) const {
    return is_powered && !is_stalled && holds_address && (has_live_permit(now) || !is_permit_enforced);
  }
  bool answers_readers(TrueTime now) const {
    const bool has_lease = (reader_until && clock.local(now) < *reader_until) || !is_reader_lease_enforced;
    return is_powered && !is_stalled && holds_reader && has_lease;
  }
  void lose_power() {
    is_powered = false;
    is_stalled = false;
    holds_address = false;
    runs_service = false;
    permit.reset();
    forget_reader();
  }
  void forget_reader() {
    holds_reader = false;
    reader_until.reset();
  }
};

}  // namespace clusteragent::simulation
