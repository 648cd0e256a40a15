// Who answers for the virtual IP, under which permit and which epoch.
#include <fmt/format.h>

#include <algorithm>
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

/// S9: where the network of the virtual IP carries words between the nodes, a double ends with the next one, and nobody
/// takes over from a primary that answers there.
class LanEndsDoubles final : public Observer {
 public:
  explicit LanEndsDoubles(const Setup& setup)
      : pulse_{std::max<Duration>(setup.policy.pulse, asks_every_min) * 103 / 100 + 2 * setup.timing.timer_late.most +
               setup.policy.timeout / 4 + std::chrono::milliseconds{5}},
        timeout_{setup.policy.timeout * 103 / 100},
        has_witness_{setup.policy.has_witness} {}

  void on_event(World&, NodeId node, const core::Event& event) override {
    const auto* request = std::get_if<core::OperatorRequest>(&event);
    if (request != nullptr && request->force) {
      is_forced_[node.value()] = true;
    }
  }
  void on_action(World& world, NodeId node, const core::Action& action) override {
    const auto* acquired = std::get_if<core::AcquireVip>(&action);
    if (acquired == nullptr || acquired->epoch == epoch_[node.value()]) {
      return;
    }
    epoch_[node.value()] = acquired->epoch;
    const std::optional<TrueTime> peer_since = answers_since_[1U - node.value()];
    const bool is_known = peer_since && has_lasted(world, std::max(*peer_since, carries_since(world)), timeout_);
    if (is_known && !is_forced_[node.value()] && !has_witness_ && world.garp_loss() == 0) {
      world.fail("S9", fmt::format("{} takes over although {} answers on the virtual IP's network", letter_of(node),
                                   letter_of(NodeId{static_cast<std::uint8_t>(1U - node.value())})));
    }
    is_forced_[node.value()] = false;
  }
  void on_change(World& world) override {
    for (std::uint8_t node = 0; node < hosts; node++) {
      if (!world.host(NodeId{node}).kernel().answers(world.now())) {
        answers_since_[node].reset();
      } else if (!answers_since_[node]) {
        answers_since_[node] = world.now();
      }
    }
    if (!answers_since_[0] || !answers_since_[1]) {
      return;
    }
    const TrueTime since = std::max({*answers_since_[0], *answers_since_[1], carries_since(world)});
    const Duration bound = world.garp_loss() == 0 ? pulse_ : pulse_ * rounds_where_words_get_lost;
    if (has_lasted(world, since, bound)) {
      world.fail("S9", "two kernels answer although each node hears the other on the virtual IP's network");
    }
  }

 private:
  static constexpr Duration asks_every_min = std::chrono::milliseconds{100};
  // A tenth of the words is lost: two in a row eight times is once in 600,000.
  static constexpr int rounds_where_words_get_lost = 8;
  static constexpr std::uint32_t heavy_loss_ppm = 200'000;
  static constexpr TrueTime never = TrueTime::max();

  static TrueTime carries_since(const World& world) {
    return world.garp_loss() < heavy_loss_ppm ? world.lan_carries_since().value_or(never) : never;
  }
  static bool has_lasted(const World& world, TrueTime since, Duration bound) {
    return since != never && world.now() - since > bound;
  }

  Duration pulse_;
  Duration timeout_;
  bool has_witness_;
  std::array<std::optional<TrueTime>, hosts> answers_since_;
  std::array<Epoch, hosts> epoch_{};
  std::array<bool, hosts> is_forced_{};
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
  rules.push_back(std::make_unique<LanEndsDoubles>(setup));
}

}  // namespace clusteragent::simulation
