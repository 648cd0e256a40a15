// What the sync set is for: nothing that was acknowledged is ever missing where the service runs.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "tests/simulation/invariants.hpp"
#include "tests/simulation/world.hpp"

namespace clusteragent::simulation {
namespace {

/// All that clients were promised and may still rely on.
class Assurances {
 public:
  void add(const History& history, const Assurance& promise) {
    if (promise.file) {
      if (const Entry* entry = promise.state.find(*promise.file)) raise(contents_[entry->file], entry->blocks);
      return;
    }
    for (std::size_t name = 0; name < scratch_name; name++) {
      names_[name] = std::max(names_[name], promise.state.entries[name].changed_by);
    }
    std::erase_if(contents_, [&](const auto& one) { return history.was_replaced(promise.state, one.first); });
  }
  bool are_kept_by(const History& history, const Tree& tree) const {
    for (std::size_t name = 0; name < scratch_name; name++) {
      if (!history.is_at_least(tree.entries[name].changed_by, names_[name])) return false;
    }
    return std::all_of(contents_.begin(), contents_.end(),
                       [&](const auto& one) { return history.has_contents(tree, one.first, one.second); });
  }
  bool are_none() const { return contents_.empty(); }
  /// After a loss that was allowed, what is left is what counts.
  void reduce_to(const Tree& tree) {
    contents_.clear();
    for (std::size_t name = 0; name < file_names; name++) {
      const Entry& entry = tree.entries[name];
      if (name < scratch_name) names_[name] = entry.changed_by;
      if (entry.file != 0) contents_[entry.file] = entry.blocks;
    }
  }

 private:
  static void raise(Blocks& to, const Blocks& blocks) {
    for (std::size_t block = 0; block < file_blocks; block++) to[block] = std::max(to[block], blocks[block]);
  }

  std::array<std::uint64_t, scratch_name> names_{};
  std::map<std::uint64_t, Blocks> contents_;
};

/// S4, S5, S6: whoever leads has everything that was acknowledged, none is acknowledged under an older epoch than the
/// newest, and nobody leads on a copy that was not finished.
class NothingLost final : public Observer {
 public:
  void on_lead(World& world, NodeId node, Epoch epoch) override {
    if (world.host(node).agent() == nullptr) {
      world.fail("model", fmt::format("the engine of {} begins to lead for an agent that is dead", letter_of(node)));
    }
    if (world.host(node).mirror().is_incomplete()) {
      world.fail("S6", fmt::format("{} leads on a copy that was never finished", letter_of(node)));
    }
    newest_ = std::max(newest_, epoch);
    check(world, node);
  }
  void on_acknowledged(World& world, NodeId node, Epoch epoch, const Assurance& promise) override {
    if (epoch < newest_) {
      world.fail("S5", fmt::format("{} acknowledges a write of epoch {} although epoch {} is led", letter_of(node),
                                   epoch.value(), newest_.value()));
    }
    assurances_.add(world.history(), promise);
    has_acknowledged_ = true;
  }
  void on_data(World& world, NodeId node, DataFact fact) override {
    Mirror& mirror = world.host(node).mirror();
    if (fact == DataFact::follows && mirror.is_incomplete() && !mirror.refuses_to_lead()) {
      world.fail("S6",
                 fmt::format("{} would lead on a copy that was never finished, if it were told to", letter_of(node)));
    }
    // Told by the replica: that one has everything on its disk.
    if (fact == DataFact::copy_ended) at_risk_since_[world.peer_of(node).self().value()].reset();
  }
  void on_power_lost(World& world, NodeId node, bool was_primary, const Tree& before) override {
    power_lost_at_[node.value()] = world.now();
    const Mirror& mirror = world.host(node).mirror();
    if (mirror.is_incomplete() || mirror.tree() == before) return;
    // What it had confirmed from memory may be acknowledged after that: the primary's own disk may be the slower one.
    if (!was_primary && !world.setup().data.acknowledges_on_disk && !at_risk_since_[node.value()]) {
      at_risk_since_[node.value()] = mirror.written_back_at();
      had_in_memory_[node.value()] = before;
    }
    const bool is_lost =
        assurances_.are_kept_by(world.history(), before) && !assurances_.are_kept_by(world.history(), mirror.tree());
    if (!is_lost) return;
    const bool owes_it = world.setup().data.acknowledges_on_disk && record_of_peer(world, node).contains(node);
    if (was_primary || owes_it) {
      world.fail("S4", fmt::format("{} had not on its disk what was acknowledged", letter_of(node)));
    }
    at_risk_since_[node.value()] = mirror.written_back_at();
    had_in_memory_[node.value()] = before;
  }
  void on_change(World& world) override {
    for (std::uint8_t node = 0; node < hosts; node++) {
      if (world.host(NodeId{node}).mirror().is_incomplete()) check_record(world, NodeId{node});
    }
  }
  void at_end(World& world) override {
    const auto holder = world.only_holder();
    if (holder && world.host(*holder).mirror().leads()) {
      check(world, *holder);
    }
    if (!has_acknowledged_ && world.setup().promise.has_failovers) {
      world.fail("vacuous", "no write was ever acknowledged");
    }
  }

 private:
  void check(World& world, NodeId node) {
    const Tree& tree = world.host(node).mirror().tree();
    if (assurances_.are_kept_by(world.history(), tree)) return;
    // What was acknowledged without it, it never had: that is no loss by a power failure.
    const bool had_all = assurances_.are_kept_by(world.history(), had_in_memory_[node.value()]);
    if (const auto since = at_risk_since_[node.value()]; since && had_all) {
      // async="second" promises no more: a replica lost with its power what it had in memory, and leads before the
      // primary could say so.
      const auto& other_lost_at = power_lost_at_[world.peer_of(node).self().value()];
      const bool are_two = other_lost_at && *other_lost_at >= *since;
      const DataFact fact = are_two ? DataFact::loss_by_two_powers : DataFact::loss_by_one_power;
      world.tell([&](Observer& observer) { observer.on_data(world, node, fact); });
      assurances_.reduce_to(tree);
      return;
    }
    world.fail("S5", fmt::format("{} leads and lacks an acknowledged write", letter_of(node)));
  }
  /// What the other node has on its disk where it was the last primary.
  static core::NodeSet record_of_peer(World& world, NodeId node) {
    const NodeId peer = world.peer_of(node).self();
    const core::DurableState& state = world.host(peer).disk().durable();
    core::Record newest = state.record;
    if (state.proposal && core::is_newer(*state.proposal, newest)) newest = *state.proposal;
    return newest.holder == peer ? newest.sync_set : core::NodeSet::only(peer);
  }
  static void check_record(World& world, NodeId node) {
    if (record_of_peer(world, node).contains(node)) {
      world.fail("S6", fmt::format("{} counts as up to date although its copy is incomplete", letter_of(node)));
    }
  }

  Assurances assurances_;
  /// async="second": what such a node lost with its power was done after that time.
  std::array<std::optional<TrueTime>, hosts> at_risk_since_{};
  std::array<Tree, hosts> had_in_memory_{};
  std::array<std::optional<TrueTime>, hosts> power_lost_at_{};
  Epoch newest_;
  bool has_acknowledged_ = false;
};

}  // namespace

void add_data_rules(Invariants& rules, const Setup& setup) {
  if (setup.policy.mirrors_data) {
    rules.push_back(std::make_unique<NothingLost>());
  }
}

}  // namespace clusteragent::simulation
