// Who answers for the readers' address.
#include <algorithm>
#include <optional>

#include "tests/simulation/invariants.hpp"
#include "tests/simulation/world.hpp"

namespace clusteragent::simulation {
namespace {

/// readers: where two kernels never answer for the virtual IP, two never answer for the readers' address.
class SingleReader final : public Observer {
 public:
  void on_change(World& world) override {
    if (world.answering_readers() > 1) {
      world.fail("readers", "two kernels answer for the readers' address");
    }
  }
};

/// readers: elsewhere a double is over within a bound once both nodes hear each other.
class HeardReadersPart final : public Observer {
 public:
  explicit HeardReadersPart(const Setup& setup)
      // As for the virtual IP: two timeouts to hear of it, the slowest release, and what is late in between.
      : fresh_{setup.policy.timeout / 2},
        bound_{2 * setup.policy.timeout + 4 * setup.policy.pulse + setup.timing.vip_change.most +
               std::chrono::milliseconds{20}} {}

  void on_change(World& world) override {
    if (!hear_each_other(world) || world.answering_readers() < 2) {
      since_.reset();
    } else if (!since_) {
      since_ = world.now();
    } else if (world.now() - *since_ > bound_) {
      world.fail("readers", "two kernels answer for the readers' address although their agents hear each other");
    }
  }

 private:
  bool hear_each_other(World& world) const {
    for (std::uint8_t node = 0; node < hosts; node++) {
      const Host& host = world.host(NodeId{node});
      if (!host.is_active()) {
        return false;
      }
      const core::PeerView& peer = host.agent()->view().peer;
      const bool is_fresh = peer.was_ever_heard && host.local_now() - peer.last_heard < fresh_;
      if (!is_fresh || peer.is_deaf_to_us || peer.is_incompatible) {
        return false;
      }
    }
    return true;
  }

  Duration fresh_;
  Duration bound_;
  std::optional<TrueTime> since_;
};

/// readers: no lease reaches as far as the peer's timeout.
class ShortReaderLease final : public Observer {
 public:
  void on_action(World& world, NodeId node, const core::Action& action) override {
    const auto* permit = std::get_if<core::SetReaderPermit>(&action);
    if (permit != nullptr && permit->until - world.host(node).local_now() >= world.setup().policy.timeout) {
      world.fail("readers", "a lease of the readers' address as long as the timeout");
    }
  }
};

}  // namespace

void add_reader_rules(Invariants& rules, const Setup& setup) {
  if (!setup.policy.reader.is_configured) {
    return;
  }
  if (setup.promise.is_single) {
    rules.push_back(std::make_unique<SingleReader>());
  }
  rules.push_back(std::make_unique<HeardReadersPart>(setup));
  rules.push_back(std::make_unique<ShortReaderLease>());
}

}  // namespace clusteragent::simulation
