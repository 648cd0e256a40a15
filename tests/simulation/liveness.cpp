#include "tests/simulation/liveness.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tests/simulation/describe.hpp"
#include "tests/simulation/world.hpp"

namespace clusteragent::simulation {
namespace {

/// Both nodes through every state and back a few times; more is flapping.
constexpr std::size_t changes_to_converge_max = 60;

/// Before the administrator does anything, the nodes have this long to sort things out among themselves.
Duration patience_of(const Setup& setup) {
  return 10 * setup.policy.timeout + 4 * (setup.policy.start_limit + setup.policy.force_limit);
}

}  // namespace

void Liveness::on_heal(World& world) {
  healed_at_ = world.now();
  last_change_ = world.now();
  changes_since_heal_ = 0;
}

void Liveness::on_transition(World& world, NodeId, const core::View& before, const core::View& after) {
  if (before.state == after.state && before.activity == after.activity) {
    return;
  }
  last_change_ = world.now();
  changes_since_heal_++;
}

void Liveness::on_probe(World& world, bool is_served) {
  if (!is_served) {
    last_failed_probe_ = world.now();
  }
}

void Liveness::look_for_waiting(World& world) {
  for (std::uint8_t node = 0; node < hosts; node++) {
    const Agent* agent = world.host(NodeId{node}).agent();
    const Agent* other = world.host(NodeId{static_cast<std::uint8_t>(1 - node)}).agent();
    if (agent != nullptr && other != nullptr && other->view().state == core::ModuleState::stop &&
        agent->view().state == core::ModuleState::second && agent->view().is_promotable) {
      world.fail("liveness", fmt::format("{} waits as secondary for a node that is stopped", letter_of(NodeId{node})));
    }
  }
}

void Liveness::attend(World& world) {
  if (world.now() - healed_at_ < patience_of(setup_)) {
    return;
  }
  if (!std::exchange(has_looked_, true)) {
    look_for_waiting(world);
  }
  bool has_primary = false;
  bool is_held = true;
  for (std::uint8_t node = 0; node < hosts; node++) {
    const Agent* agent = world.host(NodeId{node}).agent();
    if (agent == nullptr) {
      return;
    }
    if (agent->view().state == core::ModuleState::stop) {
      world.ask(NodeId{node}, core::Verb::start);
      return;
    }
    has_primary = has_primary || core::is_primary(agent->view().state);
    const core::BlockReason blocked = agent->view().blocked;
    is_held = is_held && (blocked == core::BlockReason::operator_hold || blocked == core::BlockReason::failover_off ||
                          blocked == core::BlockReason::first_start || blocked == core::BlockReason::awaiting_peer);
  }
  if (!has_primary && is_held) {
    world.ask(NodeId{0}, core::Verb::prim);
  }
}

std::string Liveness::complaint_about(World& world, NodeId node, bool is_holder) const {
  const Host& host = world.host(node);
  const core::View& view = host.agent()->view();
  const bool is_right = is_holder ? view.state == core::ModuleState::prim : view.state == core::ModuleState::second;
  if (!is_right || view.activity != core::Activity::ready) {
    return fmt::format("{} is {} ({})", letter_of(node), describe_state(view), view.reason);
  }
  const bool has_service = setup_.policy.has_script[static_cast<std::size_t>(core::ScriptKind::start_prim)];
  if (host.kernel().runs_service != (is_holder && has_service)) {
    return fmt::format("the application of {} {}", letter_of(node), is_holder ? "does not run" : "still runs");
  }
  if (!is_holder && host.kernel().holds_address) {
    return fmt::format("{} still has the address on its interface", letter_of(node));
  }
  if (setup_.policy.reader.is_configured && host.kernel().answers_readers(world.now()) == is_holder) {
    return fmt::format("{} {} for the readers' address ({})", letter_of(node),
                       is_holder ? "answers" : "does not answer", view.reader.why);
  }
  const bool is_held = view.held_until && *view.held_until > host.local_now();
  if (is_holder && is_held && setup_.policy.default_primary == world.peer_of(node).self()) {
    return fmt::format("{} holds the way back to the node of defaultprim down", letter_of(node));
  }
  if (!is_holder && setup_.policy.failover && !view.is_promotable) {
    return fmt::format("{} could not take over", letter_of(node));
  }
  return {};
}

std::string Liveness::complaint(World& world) const {
  for (std::uint8_t node = 0; node < hosts; node++) {
    if (!world.host(NodeId{node}).is_active()) {
      return fmt::format("no agent on {}", letter_of(NodeId{node}));
    }
  }
  const auto holder = world.only_holder();
  std::string text = holder ? "" : fmt::format("{} kernels answer for the virtual IP", world.answering());
  for (std::uint8_t node = 0; node < hosts; node++) {
    const std::string about = complaint_about(world, NodeId{node}, holder == NodeId{node});
    text += about.empty() ? "" : (text.empty() ? "" : "; ") + about;
  }
  if (text.empty() && last_failed_probe_ != TrueTime{} && world.now() - last_failed_probe_ <= setup_.probe_interval) {
    text = "clients are not served";
  }
  return text;
}

void Liveness::demand(World& world) {
  const Duration look_again = std::max<Duration>(setup_.policy.timeout, std::chrono::milliseconds{100});
  const TrueTime limit = world.now() + setup_.heal_limit;
  TrueTime well_since = world.now();
  std::string wrong = "just healed";
  while (!world.violation()) {
    world.run_until(world.now() + look_again);
    wrong = complaint(world);
    if (!wrong.empty()) {
      attend(world);
    }
    const TrueTime disturbed = std::max({last_change_, last_failed_probe_, well_since});
    if (!wrong.empty()) {
      well_since = world.now();
    } else if (world.now() - disturbed >= setup_.quiet) {
      converged_after_ = disturbed - healed_at_;
      break;
    }
    if (well_since > limit) {
      world.fail("liveness", "not converged after healing: " + wrong);
    }
    if (changes_since_heal_ > changes_to_converge_max) {
      world.fail("liveness", fmt::format("{} changes of state after healing: flapping", changes_since_heal_));
    }
  }
  const std::size_t settled = changes_since_heal_;
  const TrueTime began = world.now();
  world.run_until(world.now() + setup_.quiet);
  if (changes_since_heal_ != settled) {
    world.fail("liveness", "a state changed in the quiet that follows convergence");
  }
  if (last_failed_probe_ >= began) {
    world.fail("liveness", "a client was not served in the quiet that follows convergence");
  }
}

}  // namespace clusteragent::simulation
