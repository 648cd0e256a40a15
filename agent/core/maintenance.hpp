#pragma once
// Maintenance: for a bounded time no role changes by itself on either node; only the operator's word moves anything.
// Asked on either node, carried in heartbeats as the time that is left, durable at both. The newest word wins: its
// number grows with each and carries its node in the lowest bit, so that two never share one. It ends by itself, and of
// two clocks the one that ends first ends it. What remains in force is what safety needs: a newer epoch, and a lost
// quorum. Internal to agent/core, as machine.hpp.
#include <optional>

#include "agent/core/events.hpp"

namespace clusteragent::core {

struct Machine;

struct Maintenance {
  std::uint64_t number = 0;  // of the newest word; 0: none was ever said
  std::optional<Instant> until;
  std::optional<RequestId> request;  // waits for the other node
  Instant asked_at;
  std::string left_alone;  // what would have been done in the meantime; empty: nothing
};

inline constexpr Duration maintenance_min = std::chrono::seconds{1};
inline constexpr Duration maintenance_max = std::chrono::hours{24};

bool in_maintenance(const Machine& m);
/// Nothing moves by itself: in maintenance, and the operator has not said otherwise since.
bool is_frozen(const Machine& m);
/// The other node knows the newest word.
bool is_maintenance_agreed(const Machine& m);

void load_maintenance(Machine& m, const DurableState& loaded);
void set_maintenance(Machine& m, const OperatorRequest& request);
/// Of the peer's newest frame.
void take_peer_maintenance(Machine& m);
/// Ends it, and answers whoever asked; after every event.
void advance_maintenance(Machine& m);
/// A failure that is not acted upon: said once, and shown.
void leave_alone(Machine& m);
std::optional<Instant> next_maintenance_deadline(const Machine& m);
Duration maintenance_left(const Machine& m);

}  // namespace clusteragent::core
