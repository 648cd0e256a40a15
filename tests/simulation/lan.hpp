#pragma once
// Who the switch and the clients' neighbour tables believe owns the virtual IP. Only an announcement changes that, or,
// long after, a client that asks again; so a take-over that nobody heard of is an outage although the address is up.
#include <optional>

#include "agent/base/ids.hpp"
#include "tests/simulation/event_queue.hpp"

namespace clusteragent::simulation {

class Lan {
 public:
  /// A Linux client gives a neighbour up after 5 s of delay and three unanswered probes.
  static constexpr Duration ask_again_after = std::chrono::seconds{8};

  void announced(NodeId owner) { owner_ = owner; }
  std::optional<NodeId> believed_owner() const { return owner_; }
  void forget() { owner_.reset(); }

 private:
  std::optional<NodeId> owner_;
};

}  // namespace clusteragent::simulation
