// What the sync set is for: nothing that was acknowledged is ever missing where the service runs.
#include <fmt/format.h>

#include <set>

#include "tests/simulation/describe.hpp"
#include "tests/simulation/invariants.hpp"
#include "tests/simulation/world.hpp"

namespace clusteragent::simulation {
namespace {

/// S5 and S6: whoever leads has every acknowledged write, and none is acknowledged under an older epoch than the
/// newest.
class NothingLost final : public Observer {
 public:
  void on_lead(World& world, NodeId node, Epoch epoch) override {
    const Mirror& mirror = world.host(node).mirror();
    if (!mirror.is_consistent()) {
      world.fail("S6", fmt::format("{} leads on a copy that was never finished", letter_of(node)));
    }
    newest_ = std::max(newest_, epoch);
    check(world, node);
  }
  void on_acknowledged(World& world, NodeId node, Epoch epoch, std::uint64_t id) override {
    if (epoch < newest_) {
      world.fail("S5", fmt::format("{} acknowledges a write of epoch {} although epoch {} is led", letter_of(node),
                                   epoch.value(), newest_.value()));
    }
    acknowledged_.insert(id);
  }
  void at_end(World& world) override {
    const auto holder = world.only_holder();
    if (holder && world.host(*holder).mirror().leads()) {
      check(world, *holder);
    }
    if (acknowledged_.empty() && world.setup().promise.has_failovers) {
      world.fail("vacuous", "no write was ever acknowledged");
    }
  }

 private:
  void check(World& world, NodeId node) {
    const Mirror& mirror = world.host(node).mirror();
    for (const std::uint64_t id : acknowledged_) {
      if (!mirror.holds(id)) {
        world.fail("S5", fmt::format("{} leads and lacks the acknowledged write {}", letter_of(node), id));
        return;
      }
    }
  }

  std::set<std::uint64_t> acknowledged_;
  Epoch newest_;
};

}  // namespace

void add_data_rules(Invariants& rules, const Setup& setup) {
  if (setup.policy.mirrors_data) {
    rules.push_back(std::make_unique<NothingLost>());
  }
}

}  // namespace clusteragent::simulation
