#pragma once
// ThirdVoter: what the daemon asks when the two nodes do not hear each other, whatever it is made of: our own witness
// (client.hpp) or etcd (etcd_client.hpp). The core sees the WitnessPort and nothing of the rest.
//
// Ownership: the daemon's. Threads: all methods on the decision thread; they never block.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/ports.hpp"
#include "agent/wire/keys.hpp"

namespace clusteragent::witness {

struct ClientStatus {
  bool is_reachable = false;                    // it has answered, and no question is open for too long
  std::optional<Duration> last_answer_age;      // nullopt: never
  Duration round_trip{};                        // of the last answer; the voter's disk included
  core::Refusal refusal = core::Refusal::none;  // of the last answer
  std::uint64_t asked = 0;
  std::uint64_t answered = 0;
  std::uint64_t dropped = 0;  // answers that were not believed
  std::string endpoint;       // that is asked now
  std::string problem;        // why there is no answer, or none that helps; empty: none is known
};

class ThirdVoter : public core::WitnessPort {
 public:
  virtual ClientStatus status(Instant now) const = 0;
  /// The cluster keys that are accepted from now on, the one to sign with first; nothing to a voter that knows none.
  virtual void set_keys(const std::vector<wire::Key>& /*accepted*/) {}
};

}  // namespace clusteragent::witness
