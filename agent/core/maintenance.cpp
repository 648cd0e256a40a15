#include "agent/core/maintenance.hpp"

#include <algorithm>

#include "agent/core/machine.hpp"

namespace clusteragent::core {
namespace {

using std::chrono::seconds;

// The other node takes it up with the next heartbeat; a slow disk does not hold up the answer.
constexpr Duration confirm_min = seconds{1};

std::string peer_name(const Machine& m) {
  return m.policy.node_names[m.policy.peer().value()];
}

std::string time_text(Duration left) {
  const auto whole = std::chrono::ceil<seconds>(left).count();
  if (whole < 120) return std::to_string(whole) + " s";
  return std::to_string((whole + 59) / 60) + " min";
}

std::uint64_t next_number(const Machine& m) {
  std::uint64_t next = m.maintenance.number + 1;
  if (m.peer) next = std::max(next, m.peer->maintenance_number + 1);
  if ((next & 1U) != m.policy.self.value()) ++next;
  return next;
}

void keep(Machine& m) {
  m.desired.maintenance_number = m.maintenance.number;
  m.desired.maintenance_left = maintenance_left(m);
  request_persist(m);
  m.beat_wanted = true;
}

void end(Machine& m, const std::string& why) {
  m.maintenance.until.reset();
  m.maintenance.left_alone.clear();
  note(m, Severity::event, "maintenance is over (" + why + "); failures are acted upon again");
  // A silence that was left alone is no reason to lead at once: the ordinary rules begin with a timeout of their own.
  const Instant earliest = m.now + m.policy.timeout;
  if (!m.announcement.hold_until || *m.announcement.hold_until < earliest) m.announcement.hold_until = earliest;
  keep(m);
}

void answer(Machine& m, const std::string& text) {
  if (!m.maintenance.request) return;
  emit(m, Reply{*m.maintenance.request, true, text});
  m.maintenance.request.reset();
}

std::string word(const Machine& m) {
  if (!in_maintenance(m)) return "maintenance is off";
  return "maintenance for " + time_text(maintenance_left(m)) + ": nothing moves by itself";
}

}  // namespace

Duration maintenance_left(const Machine& m) {
  return in_maintenance(m) ? *m.maintenance.until - m.now : Duration::zero();
}

bool in_maintenance(const Machine& m) {
  return m.maintenance.until && m.now < *m.maintenance.until;
}

bool is_frozen(const Machine& m) {
  return in_maintenance(m) && !m.operator_insists && !m.operator_forces;
}

bool is_maintenance_agreed(const Machine& m) {
  return peer_alive(m) && m.peer->maintenance_number == m.maintenance.number;
}

void load_maintenance(Machine& m, const DurableState& loaded) {
  m.maintenance.number = loaded.maintenance_number;
  // As of the last write: a restart of the machine may prolong it, the other node's clock ends it in time.
  if (loaded.maintenance_left > Duration::zero()) m.maintenance.until = m.now + loaded.maintenance_left;
}

void set_maintenance(Machine& m, const OperatorRequest& request) {
  const bool is_on = request.verb == Verb::maintenance_on;
  note(m, Severity::user, m.detail);
  if (!is_on && !in_maintenance(m)) return emit(m, Reply{request.request, true, "maintenance is off already"});
  answer(m, "replaced by a newer command");
  m.maintenance.number = next_number(m);
  m.maintenance.request = request.request;
  m.maintenance.asked_at = m.now;
  if (!is_on) return end(m, "clusteragent maintenance off");
  m.maintenance.until = m.now + std::clamp<Duration>(request.lasts, maintenance_min, maintenance_max);
  note(m, Severity::event, word(m));
  keep(m);
}

void take_peer_maintenance(Machine& m) {
  Maintenance& own = m.maintenance;
  const PeerStatus& peer = *m.peer;
  const Duration left = std::min<Duration>(peer.maintenance_left, maintenance_max);
  if (peer.maintenance_number > own.number) {
    const bool was_on = in_maintenance(m);
    own.number = peer.maintenance_number;
    answer(m, "replaced by a newer command on " + peer_name(m));
    if (left <= Duration::zero()) return was_on ? end(m, "said on " + peer_name(m)) : keep(m);
    own.until = m.now + left;
    note(m, Severity::event, word(m) + " (said on " + peer_name(m) + ")");
    return keep(m);
  }
  if (peer.maintenance_number != own.number || !in_maintenance(m)) return;
  if (left <= Duration::zero()) return end(m, "its time is up on " + peer_name(m));
  own.until = std::min(*own.until, m.now + left);
}

void advance_maintenance(Machine& m) {
  if (m.maintenance.until && m.now >= *m.maintenance.until) end(m, "its time is up");
  if (!m.maintenance.request) return;
  if (is_maintenance_agreed(m)) return answer(m, word(m) + ", on both nodes");
  if (!peer_alive(m)) {
    return answer(m, word(m) + ", on this node; " + peer_name(m) + " is not heard and learns it when it is back");
  }
  if (m.now - m.maintenance.asked_at < std::max<Duration>(m.policy.timeout, confirm_min)) return;
  answer(m, word(m) + ", on this node; " + peer_name(m) + " has not taken it up: is its version older?");
}

void leave_alone(Machine& m) {
  if (m.maintenance.left_alone == m.detail) return;
  m.maintenance.left_alone = m.detail;
  note(m, Severity::critical, "maintenance: nothing is done about it: " + m.detail);
}

std::optional<Instant> next_maintenance_deadline(const Machine& m) {
  std::optional<Instant> earliest = m.maintenance.until;
  if (m.maintenance.request) {
    const Instant limit = m.maintenance.asked_at + std::max<Duration>(m.policy.timeout, confirm_min);
    if (!earliest || limit < *earliest) earliest = limit;
  }
  return earliest;
}

}  // namespace clusteragent::core
