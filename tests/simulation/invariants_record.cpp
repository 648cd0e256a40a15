// What the durable record promises, and to whom.
#include <fmt/format.h>

#include <array>
#include <map>

#include "tests/simulation/describe.hpp"
#include "tests/simulation/invariants.hpp"
#include "tests/simulation/world.hpp"

namespace clusteragent::simulation {
namespace {

/// S7: nothing is said that is not durable at the one who says it; a permit or an address of an epoch counts as saying.
class DurableFirst final : public Observer {
 public:
  void on_action(World& world, NodeId node, const core::Action& action) override {
    const core::DurableState& disk = world.host(node).disk().durable();
    // A proposal that was accepted is named as the record while it lies in its first place.
    const core::Record& durable =
        disk.proposal && core::is_newer(*disk.proposal, disk.record) ? *disk.proposal : disk.record;
    if (const auto* heartbeat = std::get_if<core::SendHeartbeat>(&action);
        heartbeat != nullptr && heartbeat->status.proposal && heartbeat->status.proposal != disk.proposal) {
      world.fail("S7", fmt::format("{} proposes what its disk does not hold: {}", letter_of(node),
                                   describe(heartbeat->status)));
    }
    if (const auto* heartbeat = std::get_if<core::SendHeartbeat>(&action)) {
      if (core::is_newer(heartbeat->status.record, durable)) {
        world.fail("S7", fmt::format("{} sends a record that its disk does not hold: {}", letter_of(node),
                                     describe(heartbeat->status)));
      }
    } else if (const auto* permit = std::get_if<core::SetPermit>(&action)) {
      check_epoch(world, node, permit->epoch, durable, "permit");
    } else if (const auto* acquired = std::get_if<core::AcquireVip>(&action)) {
      check_epoch(world, node, acquired->epoch, durable, "virtual IP");
    }
  }

 private:
  static void check_epoch(World& world, NodeId node, Epoch epoch, const core::Record& durable, std::string_view what) {
    if (epoch > durable.epoch) {
      world.fail("S7", fmt::format("{} takes the {} under epoch {} while its disk knows {}", letter_of(node), what,
                                   epoch.value(), durable.epoch.value()));
    }
  }
};

/// S3 on disk: the record of a node never goes back, restarts included.
class RecordsGrow final : public Observer {
 public:
  void on_change(World& world) override {
    for (std::uint8_t node = 0; node < hosts; node++) {
      const core::Record& now = world.host(NodeId{node}).disk().durable().record;
      if (core::is_newer(newest_[node], now)) {
        world.fail("S3", fmt::format("the durable record of {} went back from epoch {} to {}", letter_of(NodeId{node}),
                                     newest_[node].epoch.value(), now.epoch.value()));
      }
      newest_[node] = now;
    }
  }

 private:
  std::array<core::Record, hosts> newest_;
};

/// S6: a node outside the newest sync set that exists anywhere does not become primary, unless forced.
class UpToDate final : public Observer {
 public:
  void on_event(World& world, NodeId node, const core::Event& event) override {
    const auto* request = std::get_if<core::OperatorRequest>(&event);
    if (request != nullptr && request->force && request->verb == core::Verb::prim) {
      is_forced_[node.value()] = true;
    }
    (void)world;
  }
  void on_action(World& world, NodeId node, const core::Action& action) override {
    const auto* acquired = std::get_if<core::AcquireVip>(&action);
    if (acquired == nullptr || is_forced_[node.value()]) {
      return;
    }
    // The record of this very tenure does not judge itself.
    const core::Record* newest = nullptr;
    for (const auto& [epoch, record] : newest_) {
      newest = epoch == acquired->epoch ? newest : &record;
    }
    if (newest != nullptr && !newest->sync_set.contains(node)) {
      world.fail("S6", fmt::format("{} becomes primary although it is outside the sync set of epoch {}",
                                   letter_of(node), newest->epoch.value()));
    }
  }
  void on_change(World& world) override {
    for (std::uint8_t node = 0; node < hosts; node++) {
      const core::Record& record = world.host(NodeId{node}).disk().durable().record;
      core::Record& known = newest_.try_emplace(record.epoch, record).first->second;
      known = core::is_newer(record, known) ? record : known;
    }
  }

 private:
  std::map<Epoch, core::Record> newest_;  // that any disk ever held, by epoch
  std::array<bool, hosts> is_forced_{};
};

}  // namespace

void add_record_rules(Invariants& rules, const Setup&) {
  rules.push_back(std::make_unique<DurableFirst>());
  rules.push_back(std::make_unique<RecordsGrow>());
  rules.push_back(std::make_unique<UpToDate>());
}

}  // namespace clusteragent::simulation
