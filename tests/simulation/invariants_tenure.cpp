// Who answers for the virtual IP, under which permit and which epoch.
#include <fmt/format.h>

#include <array>
#include <map>
#include <optional>

#include "tests/simulation/invariants.hpp"
#include "tests/simulation/world.hpp"

namespace clusteragent::simulation {
namespace {

constexpr NodeId node_a{0};
constexpr NodeId node_b{1};

/// S1: where some path always lives, two kernels never answer at the same true instant.
class SingleHolder final : public Observer {
 public:
  void on_change(World& world) override {
    if (world.answering() > 1) {
      world.fail("S1", "two kernels answer for the virtual IP");
    }
  }
};

/// S2, first half: under the same promise two permits never live at the same true instant.
class SinglePermit final : public Observer {
 public:
  void on_change(World& world) override {
    const TrueTime now = world.now();
    if (world.host(node_a).kernel().has_live_permit(now) && world.host(node_b).kernel().has_live_permit(now)) {
      world.fail("S2", "two permits live at once");
    }
  }
};

/// S2, second half: no permit reaches as far as the peer's timeout, else the peer takes over while it lives.
class ShortLease final : public Observer {
 public:
  void on_action(World& world, NodeId node, const core::Action& action) override {
    const auto* permit = std::get_if<core::SetPermit>(&action);
    if (permit == nullptr) {
      return;
    }
    const Duration lease = permit->until - world.host(node).local_now();
    const Duration promised = world.peer_of(node).disk().durable().promise_left;
    if (lease >= std::max(world.setup().policy.timeout, promised)) {
      world.fail("S2", fmt::format("a permit of {} ns with a timeout of {} ns", lease.count(),
                                   world.setup().policy.timeout.count()));
    }
  }
};

/// S3: an epoch belongs to one tenure of one node, ever.
class UniqueEpochs final : public Observer {
 public:
  void on_agent_died(World& world, NodeId node) override {
    // What was handed over goes on.
    if (!world.host(node).has_handover()) {
      tenure_[node.value()].reset();
    }
  }
  void on_transition(World&, NodeId node, const core::View&, const core::View& after) override {
    if (!core::is_primary(after.state)) {
      tenure_[node.value()].reset();
    }
  }
  void on_action(World& world, NodeId node, const core::Action& action) override {
    if (const auto* acquired = std::get_if<core::AcquireVip>(&action)) {
      use(world, node, acquired->epoch);
    } else if (const auto* permit = std::get_if<core::SetPermit>(&action)) {
      use(world, node, permit->epoch);
    }
  }

 private:
  void use(World& world, NodeId node, Epoch epoch) {
    std::optional<Epoch>& tenure = tenure_[node.value()];
    if (tenure == epoch) {
      return;
    }
    if (tenure && epoch < *tenure) {
      world.fail("S3",
                 fmt::format("{} goes back from epoch {} to {}", letter_of(node), tenure->value(), epoch.value()));
    }
    if (const auto [known, is_new] = owners_.emplace(epoch, node); !is_new) {
      world.fail("S3", fmt::format("epoch {} of {} is used again by {}", epoch.value(), letter_of(known->second),
                                   letter_of(node)));
    }
    if ((epoch.value() & 1U) != node.value()) {
      world.fail("S3", fmt::format("epoch {} does not carry the number of node {}", epoch.value(), letter_of(node)));
    }
    tenure = epoch;
  }

  std::array<std::optional<Epoch>, hosts> tenure_;
  std::map<Epoch, NodeId> owners_;
};

/// S9: a double primary is over within a bound once the nodes hear each other again, and the newest epoch keeps it.
class SplitHeals final : public Observer {
 public:
  explicit SplitHeals(const Setup& setup)
      // Two timeouts to hear of it, the slowest release, and the lateness of everything in between.
      : bound_{2 * setup.policy.timeout + 4 * setup.policy.pulse + setup.timing.vip_change.most +
               std::chrono::milliseconds{20}} {}

  void on_heal(World& world) override { healed_at_ = world.now(); }
  void on_change(World& world) override {
    if (!world.is_healing()) {
      return;
    }
    const bool is_double = world.answering() > 1;
    if (!is_double && epochs_) {
      judge(world);
      epochs_.reset();
      must_be_known_at_ = world.now() + announce_bound;
    }
    if (must_be_known_at_ && world.now() >= *must_be_known_at_) {
      must_be_known_at_.reset();
      check_switch(world);
    }
    if (is_double) {
      epochs_ = {epoch_of(world.host(node_a).kernel()), epoch_of(world.host(node_b).kernel())};
    }
    if (is_double && world.now() - healed_at_ > bound_) {
      world.fail("S9", "two kernels still answer long after the nodes hear each other again");
    }
  }

 private:
  static Epoch epoch_of(const Kernel& kernel) { return kernel.permit ? kernel.permit->epoch : Epoch{}; }
  void judge(World& world) {
    const auto keeper = world.only_holder();
    const NodeId newest = (*epochs_)[0] > (*epochs_)[1] ? node_a : node_b;
    if (keeper && *keeper != newest) {
      world.fail("S9", fmt::format("{} keeps the virtual IP although {} has the newer epoch", letter_of(*keeper),
                                   letter_of(newest)));
    }
  }

  /// The last announcement counts for the switch, and during the double it may have been the loser's.
  static void check_switch(World& world) {
    const auto holder = world.only_holder();
    if (holder && world.lan().believed_owner() != holder) {
      world.fail("S9", fmt::format("the split is over and {} keeps the virtual IP, but clients are still sent to the "
                                   "other node",
                                   letter_of(*holder)));
    }
  }

  static constexpr Duration announce_bound = std::chrono::milliseconds{500};

  Duration bound_;
  TrueTime healed_at_{};
  std::optional<TrueTime> must_be_known_at_;
  std::optional<std::array<Epoch, hosts>> epochs_;
};

}  // namespace

void add_tenure_rules(Invariants& rules, const Setup& setup) {
  if (setup.promise.is_single) {
    rules.push_back(std::make_unique<SingleHolder>());
    rules.push_back(std::make_unique<SinglePermit>());
  }
  rules.push_back(std::make_unique<ShortLease>());
  rules.push_back(std::make_unique<UniqueEpochs>());
  rules.push_back(std::make_unique<SplitHeals>(setup));
}

}  // namespace clusteragent::simulation
