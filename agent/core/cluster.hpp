#pragma once
// Cluster: the pure core of one module on one node.
//
// Purpose: takes facts with the time at which they became known, returns ordered actions. It owns every decision: who
// is primary, when the virtual IP moves, which script runs next. No I/O, clock, thread, log or random number.
// Ownership: a value; the shell (agent/daemon) or the simulator owns it. Threads: none of its own, one caller at a
// time. Time: CLOCK_BOOTTIME of this node; `now` never goes backward (asserted). Contract of the caller:
//   1. carry out actions in order and at once; answer each token with exactly one ActionFinished, never from inside
//   step;
//   2. arm one timer for next_deadline() and send DeadlineReached when it fires;
//   3. deliver frames that have already arrived before a DeadlineReached of the same moment, so that a stalled process
//      does not take its own stall for the peer's silence.
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "agent/core/actions.hpp"
#include "agent/core/events.hpp"
#include "agent/core/handover.hpp"
#include "agent/core/types.hpp"
#include "agent/core/view.hpp"

namespace clusteragent::core {

class Cluster {
 public:
  Cluster(Policy policy, const DurableState& durable, Instant now);
  /// Goes on where a former life stopped; only where may_resume() says so. `left.until`: of the permit that now lives.
  Cluster(Policy policy, const DurableState& durable, Instant now, const Handover& left);
  ~Cluster();
  Cluster(Cluster&&) noexcept;
  Cluster& operator=(Cluster&&) noexcept;

  /// Total: takes any event in any state, never throws, never blocks. Appends to `out`.
  void step(Instant now, const Event& event, ActionList& out);
  /// When to call step with DeadlineReached at the latest; nullopt: only events matter.
  std::optional<Instant> next_deadline() const;
  View view() const;
  /// Index in transition_table() of the row that was applied last: for coverage reports.
  std::uint32_t last_row() const;
  /// Indices of all rows that the last step applied, in order.
  const std::vector<std::uint32_t>& rows_of_last_step() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clusteragent::core
