// Faults that look before they strike, or strike again and again.
#include <algorithm>

#include "tests/simulation/nemesis.hpp"
#include "tests/simulation/world.hpp"

namespace clusteragent::simulation {

// Two candidates that hear each other late: the cut ends at a moment at which both ask for votes, so that each hears
// the other's claim while the witness may already have given its vote to the other one.
void Nemesis::strike_votes() {
  const Duration timeout = world_.setup().policy.timeout;
  const Duration back_in = prng_.between(timeout / 8, timeout / 2);
  for (std::uint8_t node = 0; node < hosts; node++) {
    world_.host(NodeId{node}).kill_agent(back_in);
  }
  change_all_cuts(1);
  const TrueTime gives_up_at = world_.now() + back_in + 2 * timeout;
  world_.queue().after(back_in + timeout / 10 * 9, [this, gives_up_at] { await_candidates(gives_up_at); });
}

void Nemesis::await_candidates(TrueTime gives_up_at) {
  constexpr Duration look_gap = std::chrono::microseconds{200};
  constexpr Duration vote_takes = std::chrono::milliseconds{3};
  if (world_.is_healing()) {
    return;
  }
  bool both_seek = true;
  for (std::uint8_t node = 0; node < hosts; node++) {
    const Agent* agent = world_.host(NodeId{node}).agent();
    // Without a role and with a step under way, past the scripts that clean up: it writes its epoch or asks for votes.
    both_seek = both_seek && agent != nullptr && agent->view().is_promotable && !agent->view().doing.empty();
  }
  if (both_seek || world_.now() >= gives_up_at) {
    world_.queue().after(prng_.between(Duration{0}, vote_takes), [this] { change_all_cuts(-1); });
    return;
  }
  world_.queue().after(look_gap, [this, gives_up_at] { await_candidates(gives_up_at); });
}

void Nemesis::change_all_cuts(int change) {
  for (std::uint8_t path = 0; path < world_.network().paths(); path++) {
    for (std::uint8_t node = 0; node < hosts; node++) {
      int& cuts = world_.network().link(NodeId{node}, PathId{path}).cuts;
      cuts = std::max(0, cuts + change);
    }
  }
}

void Nemesis::strike_with_flaps(Host& host) {
  constexpr int flaps = 4;
  const Duration timeout = world_.setup().policy.timeout;
  // Up for long enough that a service which wants to come back does.
  const Duration period = std::max<Duration>(5 * timeout, seconds{3});
  for (int flap = 0; flap < flaps && world_.now() + period * (flap + 1) < world_.setup().plan.ends; flap++) {
    world_.queue().after(period * flap, [&host] { host.set_link(false); });
    world_.queue().after(period * flap + 2 * timeout, [&host] { host.set_link(true); });
  }
}

}  // namespace clusteragent::simulation
