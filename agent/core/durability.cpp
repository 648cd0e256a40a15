// One write at a time; what changed meanwhile goes with the next one. Nothing waits for a write except the step that
// needs it, so a disk that hangs delays a take-over and never a heartbeat.
#include "agent/core/machine.hpp"

namespace clusteragent::core {
namespace {

constexpr Duration persist_retry_after = std::chrono::seconds{1};

}  // namespace

void request_persist(Machine& m) {
  m.desired.restarts_used = m.budget.used(m.now);
  m.desired.restart_window_left = m.budget.window_left(m.now);
  // The rest of the restart window shrinks all the time; by itself it is not worth a write.
  DurableState reference = m.durable;
  reference.restart_window_left = m.desired.restart_window_left;
  // So does the rest of maintenance; that it has begun or ended is.
  m.desired.maintenance_left = maintenance_left(m);
  const bool had_maintenance = reference.maintenance_left > Duration::zero();
  const bool has_maintenance = m.desired.maintenance_left > Duration::zero();
  if (had_maintenance == has_maintenance) reference.maintenance_left = m.desired.maintenance_left;
  if (m.persist_token || m.desired == reference) return;
  m.persist_token = make_token(m);
  m.persist_in_flight = m.desired;
  m.persist_retry_at.reset();
  emit(m, PersistState{*m.persist_token, m.desired});
}

void on_persist_finished(Machine& m, Outcome outcome, const std::string& detail) {
  m.persist_token.reset();
  if (outcome == Outcome::success) {
    m.durable = m.persist_in_flight;
    m.persist_failure.clear();
    if (is_tenure_on_disk(m)) m.tenure.is_durable = true;
    accept_without_witness(m);
    // The peer waits to hear that its proposal is on this disk.
    if (m.policy.mirrors_data) m.beat_wanted = true;
    request_persist(m);
    return;
  }
  if (m.persist_failure != detail) {
    note(m, Severity::critical, "cannot write the state file: " + detail + "; trying again");
  }
  m.persist_failure = detail;
  // The failed write may have reached the disk all the same: its epoch is spent.
  m.epoch_floor = std::max(m.epoch_floor, highest_epoch_of(m.persist_in_flight));
  m.persist_retry_at = m.now + persist_retry_after;
}

}  // namespace clusteragent::core
