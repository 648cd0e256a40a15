// How the nodes behave: order of scripts, bounds, answers to the operator, and when roles may change at all.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "agent/core/names.hpp"
#include "agent/core/transition_table.hpp"
#include "tests/simulation/invariants.hpp"
#include "tests/simulation/world.hpp"

namespace clusteragent::simulation {
namespace {

/// S8: in a planned move the scripts of one side have ended before start_prim of the other begins.
class StopBeforeStart final : public Observer {
 public:
  explicit StopBeforeStart(const Setup& setup) : is_single_{setup.promise.is_safe_path_kept} {}

  void on_transition(World& world, NodeId node, const core::View& before, const core::View& after) override {
    if (core::is_primary(before.state) || !core::is_primary(after.state)) {
      return;
    }
    // Two timeouts of undisturbed life: whatever its peer believed before has been put right since, so this is no
    // take-over from a node that was given up.
    const Host& other = world.peer_of(node);
    is_planned_[node.value()] =
        is_single_ && other.is_active() && world.now() - other.active_since() > 2 * world.setup().policy.timeout;
  }
  void on_action(World& world, NodeId node, const core::Action& action) override {
    const auto* run = std::get_if<core::RunScript>(&action);
    if (run == nullptr || run->script != core::ScriptKind::start_prim) {
      return;
    }
    const Host& other = world.peer_of(node);
    if (!is_planned_[node.value()] || !other.is_active()) {
      return;
    }
    for (const ScriptTable::Running& running : other.scripts().running()) {
      const core::ScriptKind kind = running.script.script;
      // On the way to STOP everything is stopped once more by force; what finds nothing running disturbs nobody.
      const bool is_at_work = kind == core::ScriptKind::stop_prim && other.kernel().runs_service;
      if (is_at_work || kind == core::ScriptKind::start_prim) {
        world.fail("S8", fmt::format("start_prim begins on {} while {} runs on {}", letter_of(node),
                                     core::name_of(kind), letter_of(other.self())));
      }
    }
  }

 private:
  bool is_single_;
  std::array<bool, hosts> is_planned_{};
};

/// S11: tokens are answered once, nothing is asked without end, and a second holds a bounded number of steps.
class Bounded final : public Observer {
 public:
  explicit Bounded(const Setup& setup)
      // A beat, its two or three answers and the scripts' ends a pulse, with room for a probe burst and an operator.
      : steps_a_second_max_{2000 + 40 * setup.paths *
                                       static_cast<std::size_t>(std::chrono::seconds{1} / setup.policy.pulse)} {}

  void on_agent_started(World&, NodeId node) override { lives_[node.value()] = {}; }
  void on_event(World& world, NodeId node, const core::Event& event) override {
    Life& life = lives_[node.value()];
    if (const auto* finished = std::get_if<core::ActionFinished>(&event)) {
      life.open.erase(finished->token);
    }
    if (world.now() - life.second_began > std::chrono::seconds{1}) {
      life.second_began = world.now();
      life.steps = 0;
    }
    // A process that wakes finds a full mailbox at once, which says nothing about the core.
    const bool was_asleep = world.now() - world.host(node).active_since() < std::chrono::seconds{1};
    if (++life.steps > steps_a_second_max_ && !was_asleep) {
      world.fail("S11", fmt::format("{} steps in a second on {}", life.steps, letter_of(node)));
    }
  }
  void on_action(World& world, NodeId node, const core::Action& action) override {
    const auto token = token_of(action);
    if (!token) {
      return;
    }
    Life& life = lives_[node.value()];
    if (!life.used.insert(*token).second) {
      world.fail("S11", fmt::format("token {} is used twice", token->value()));
    }
    life.open.insert(*token);
    constexpr std::size_t open_tokens_max = 8;
    if (life.open.size() > open_tokens_max) {
      world.fail("S11", "more actions under way than a node can have at once");
    }
  }

 private:
  struct Life {
    std::set<Token> used;
    std::set<Token> open;
    TrueTime second_began{};
    std::size_t steps = 0;
  };
  static std::optional<Token> token_of(const core::Action& action) {
    if (const auto* a = std::get_if<core::PersistState>(&action)) {
      return a->token;
    }
    if (const auto* a = std::get_if<core::AcquireVip>(&action)) {
      return a->token;
    }
    if (const auto* a = std::get_if<core::ReleaseVip>(&action)) {
      return a->token;
    }
    if (const auto* a = std::get_if<core::RunScript>(&action)) {
      return a->token;
    }
    return std::nullopt;
  }

  std::size_t steps_a_second_max_;
  std::array<Life, hosts> lives_;
};

/// The administrator gets exactly one answer to a request, and a refusal says why.
class RequestsAnswered final : public Observer {
 public:
  void on_agent_died(World&, NodeId node) override { open_[node.value()].clear(); }
  void on_event(World& world, NodeId node, const core::Event& event) override {
    if (const auto* request = std::get_if<core::OperatorRequest>(&event)) {
      open_[node.value()].emplace(request->request, world.now());
    }
  }
  void on_action(World& world, NodeId node, const core::Action& action) override {
    const auto* reply = std::get_if<core::Reply>(&action);
    if (reply == nullptr) {
      return;
    }
    if (open_[node.value()].erase(reply->request) == 0) {
      world.fail("operator", fmt::format("request {} is answered although nobody waits", reply->request.value()));
    }
    if (!reply->is_accepted && reply->message.empty()) {
      world.fail("operator", "a refusal without a reason");
    }
  }
  void at_end(World& world) override {
    for (const auto& requests : open_) {
      if (!requests.empty()) {
        world.fail("operator", fmt::format("request {} was never answered", requests.begin()->first.value()));
      }
    }
  }

 private:
  std::array<std::map<RequestId, TrueTime>, hosts> open_;
};

/// A take-over that the peer has not agreed to starts nothing before the fence script has succeeded.
class FencedFirst final : public Observer {
 public:
  void on_agent_started(World& world, NodeId node) override {
    // A life that the former one handed its role to takes nothing.
    lives_[node.value()] = {core::is_primary(world.host(node).agent()->view().state), std::nullopt};
  }
  void on_step(World&, NodeId node, const core::Cluster& cluster) override {
    for (const std::uint32_t index : cluster.rows_of_last_step()) {
      const core::TransitionRow& row = core::transition_table()[index];
      const bool is_forced = row.name.starts_with("take_over_by_force") || row.name == "prim_instead_of_fencing";
      if (row.to == core::Phase::taking_over || is_forced) {
        const core::PeerView peer = cluster.view().peer;
        lives_[node.value()].may_start = is_forced || (peer.was_ever_heard && !peer.is_silent && !peer.is_process_gone);
      }
    }
  }
  void on_event(World&, NodeId node, const core::Event& event) override {
    Life& life = lives_[node.value()];
    const auto* finished = std::get_if<core::ActionFinished>(&event);
    if (finished != nullptr && finished->token == life.script && finished->outcome == core::Outcome::success) {
      life.may_start = true;
    }
  }
  void on_action(World& world, NodeId node, const core::Action& action) override {
    Life& life = lives_[node.value()];
    const auto* run = std::get_if<core::RunScript>(&action);
    if (run != nullptr && run->script == core::ScriptKind::fence) {
      life.script = run->token;
    }
    const bool uses_role = std::holds_alternative<core::AcquireVip>(action) ||
                           (run != nullptr && run->script == core::ScriptKind::start_prim);
    if (uses_role && !life.may_start) {
      world.fail("fence",
                 fmt::format("{} takes the role although its peer is neither heard nor fenced", letter_of(node)));
    }
  }

 private:
  struct Life {
    bool may_start = false;
    std::optional<Token> script;
  };
  std::array<Life, hosts> lives_;
};

/// Moves that nobody needs become rare under flapping: after the free ones each waits for a hold that grows.
class MovesAreRare final : public Observer {
 public:
  explicit MovesAreRare(const Setup& setup) : limits_{setup.policy.hold_down} {}
  void on_agent_started(World& world, NodeId node) override { lives_[node.value()] = {world.now(), 0}; }
  void on_step(World& world, NodeId node, const core::Cluster& cluster) override {
    for (const std::uint32_t row : cluster.rows_of_last_step()) {
      if (core::transition_table()[row].name == "fall_back") {
        count(world, node);
      }
    }
  }

 private:
  struct Life {
    TrueTime began{};
    std::int64_t moves = 0;
  };
  void count(World& world, NodeId node) {
    Life& life = lives_[node.value()];
    // The free changes, those of the holds that still grow, and one for each of the longest holds.
    const std::int64_t growing = static_cast<std::int64_t>(core::HoldDown::changes_free) + 2;
    const std::int64_t moves_max = growing + (world.now() - life.began) / limits_.longest;
    if (++life.moves > moves_max) {
      world.fail("steady", fmt::format("{} has moved the service by preference {} times", letter_of(node), life.moves));
    }
  }
  core::HoldDownLimits limits_;
  std::array<Life, hosts> lives_;
};

/// failover="off": a secondary never becomes primary by itself.
class OperatorPromotes final : public Observer {
 public:
  void on_transition(World& world, NodeId node, const core::View& before, const core::View& after) override {
    if (before.state == core::ModuleState::second && core::is_primary(after.state) && !world.is_healing()) {
      world.fail("failover-off",
                 fmt::format("{} takes over although failover is off: {}", letter_of(node), after.reason));
    }
  }
};

/// Loss alone changes nothing once the nodes have found their roles.
class RolesStay final : public Observer {
 public:
  void on_transition(World& world, NodeId node, const core::View& before, const core::View& after) override {
    if (before.state == after.state) {
      return;
    }
    const bool is_settled = world.now() > settle_;
    if (is_settled && !world.is_healing()) {
      world.fail("false-failover", fmt::format("{} goes from {} to {} under mere loss: {}", letter_of(node),
                                               core::name_of(before.state), core::name_of(after.state), after.reason));
    }
  }

 private:
  static constexpr TrueTime settle_ = std::chrono::seconds{5};
};

/// S10: in maintenance nobody becomes primary unless the operator said `prim` there.
class NothingMoves final : public Observer {
 public:
  void on_event(World&, NodeId node, const core::Event& event) override {
    const auto* request = std::get_if<core::OperatorRequest>(&event);
    if (request != nullptr && request->verb == core::Verb::prim) {
      is_asked_[node.value()] = true;
    }
  }
  void on_agent_started(World&, NodeId node) override { is_asked_[node.value()] = false; }
  void on_transition(World& world, NodeId node, const core::View& before, const core::View& after) override {
    const bool promotes = !core::is_primary(before.state) && core::is_primary(after.state);
    // With a witness a take-over shows only when it has its second vote; it may have begun before.
    const bool was_under_way = before.reason == after.reason;
    if (promotes && !was_under_way && after.maintenance_until && !is_asked_[node.value()]) {
      world.fail("S10", fmt::format("{} becomes primary in maintenance: {}", letter_of(node), after.reason));
    }
  }

 private:
  std::array<bool, hosts> is_asked_{};
};

}  // namespace

void add_conduct_rules(Invariants& rules, const Setup& setup) {
  rules.push_back(std::make_unique<StopBeforeStart>(setup));
  rules.push_back(std::make_unique<Bounded>(setup));
  rules.push_back(std::make_unique<RequestsAnswered>());
  rules.push_back(std::make_unique<MovesAreRare>(setup));
  if (setup.policy.has_script[static_cast<std::size_t>(core::ScriptKind::fence)]) {
    rules.push_back(std::make_unique<FencedFirst>());
  }
  rules.push_back(std::make_unique<NothingMoves>());
  if (setup.promise.only_operator_promotes) {
    rules.push_back(std::make_unique<OperatorPromotes>());
  }
  if (setup.promise.never_changes_roles) {
    rules.push_back(std::make_unique<RolesStay>());
  }
}

}  // namespace clusteragent::simulation
