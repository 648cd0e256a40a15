// The readers' address of one simulated agent, and what its provider says of the replica.
#include "tests/simulation/host.hpp"
#include "tests/simulation/world.hpp"

namespace clusteragent::simulation {

void Agent::acquire_reader(const core::AcquireReader& wanted) {
  later(vip_change_ends(), [token = wanted.token](Agent& agent) {
    const bool fails = agent.host_.fails_vip_adds();
    agent.host_.kernel().holds_reader = !fails;
    agent.world_.changed();
    agent.finish_after(Duration{0}, token, fails ? core::Outcome::failure : core::Outcome::success,
                       fails ? "RTNETLINK: operation not permitted" : "");
  });
}

void Agent::release_reader(const core::ReleaseReader& wanted) {
  later(vip_change_ends(), [token = wanted.token](Agent& agent) {
    agent.host_.kernel().holds_reader = false;
    agent.world_.changed();
    agent.finish_after(Duration{0}, token, core::Outcome::success);
  });
}

void Agent::set_reader_permit(const core::SetReaderPermit& permit) {
  host_.kernel().reader_until = permit.until;
}

void Agent::revoke_reader_permit() {
  // The release behind it is what must count where the kernel asks for no lease.
  host_.kernel().reader_until.reset();
}

void Agent::say_replica() {
  if (!policy_.reader.needs_replica) return;
  later(world_.setup().replica_interval, [](Agent& agent) {
    const ReplicaState state = agent.host_.replica();
    core::ReplicaSeen seen;
    seen.lag = state == ReplicaState::late ? 2 * agent.policy_.reader.lag_max : Duration{0};
    if (state == ReplicaState::broken) seen.problem = "duplicate entry";
    agent.say_replica();
    if (state != ReplicaState::unsaid) agent.post(seen);
  });
}

}  // namespace clusteragent::simulation
