// The ports of an agent that deal with the application: scripts and the process watch.
#include <algorithm>
#include <string>
#include <utility>

#include "tests/simulation/agent.hpp"
#include "tests/simulation/host.hpp"
#include "tests/simulation/world.hpp"

namespace clusteragent::simulation {
namespace {

/// A script whose end is reported early goes on for this much longer (variant drop_after_announce).
constexpr int announced_early_factor = 20;
/// What a process group that ignores SIGTERM gets before SIGKILL.
constexpr Duration term_grace = std::chrono::milliseconds{300};

struct Fate {
  Duration takes{};
  core::Outcome outcome = core::Outcome::success;
};

Fate fate_of(const core::RunScript& script, const ScriptBehaviour& behaviour, const Timing& timing, Prng& prng) {
  const bool is_fence = script.script == core::ScriptKind::fence;
  const Duration drawn = prng.within(is_fence ? timing.fence : timing.script);
  const Duration kill = prng.within(timing.kill);
  const Duration takes = behaviour.takes.value_or(drawn);
  if (behaviour.hangs || takes > script.limit) {
    return {script.limit + kill + (behaviour.ignores_term ? term_grace : Duration{0}), core::Outcome::timed_out};
  }
  return {takes, behaviour.fails ? core::Outcome::failure : core::Outcome::success};
}

std::string detail_of(core::Outcome outcome) {
  switch (outcome) {
    case core::Outcome::success:
      return "exit 0";
    case core::Outcome::failure:
      return "exit 1: simulated failure";
    case core::Outcome::timed_out:
      return "killed after its time limit";
  }
  return {};
}

}  // namespace

void Agent::run(const core::RunScript& script) {
  const Fate fate = fate_of(script, host_.scripts().behaviour(script.script), world_.setup().timing, prng_);
  const std::uint64_t id = host_.scripts().begin(script, life_, world_.now());
  if (script.script == core::ScriptKind::start_prim) {
    host_.kernel().runs_service = true;  // a start that fails later may still have started something
  }
  const bool is_early = world_.variant() == Variant::drop_after_announce;
  if (is_early) {
    finish_after(fate.takes, script.token, fate.outcome, detail_of(fate.outcome));
  }
  World& world = world_;
  const NodeId self = host_.self();
  const std::uint64_t life = life_;
  world_.queue().after(fate.takes * (is_early ? announced_early_factor : 1), [&world, self, life, id, fate, is_early] {
    Host& host = world.host(self);
    const auto ended = host.scripts().end(id);
    if (!ended) {
      return;
    }
    host.script_took_effect(ended->script, fate.outcome);
    Agent* agent = host.agent();
    if (!is_early && agent != nullptr && agent->life_ == life) {
      agent->post(core::ActionFinished{ended->script.token, fate.outcome, detail_of(fate.outcome)});
    }
    world.changed();
  });
}

void Agent::cancel(Token token) {
  later(prng_.within(world_.setup().timing.kill), [token](Agent& agent) {
    const auto id = agent.host_.scripts().find(agent.life_, token);
    if (id && agent.host_.scripts().end(*id)) {
      agent.post(core::ActionFinished{token, core::Outcome::failure, "cancelled"});
    }
  });
}

void Agent::arm(core::WatchClass watch_class) {
  bool& is_armed = watches_[static_cast<std::size_t>(watch_class)];
  if (!std::exchange(is_armed, true) && watch_class == core::WatchClass::prim) {
    poll_watch(++watch_generation_);
  }
}

void Agent::disarm(core::WatchClass watch_class) {
  watches_[static_cast<std::size_t>(watch_class)] = false;
  if (watch_class == core::WatchClass::prim) {
    watch_generation_++;
  }
}

void Agent::poll_watch(std::uint64_t generation) {
  later(world_.setup().timing.watch_poll, [generation](Agent& agent) {
    if (agent.watch_generation_ != generation) {
      return;
    }
    agent.poll_watch(generation);
    if (!agent.host_.kernel().runs_service) {
      agent.service_died();
    }
  });
}

void Agent::service_died() {
  const bool is_watched = watches_[static_cast<std::size_t>(core::WatchClass::prim)];
  if (!is_watched || !policy_.has_script[static_cast<std::size_t>(core::ScriptKind::start_prim)]) {
    return;
  }
  later(prng_.within(world_.setup().timing.death_notice), [generation = watch_generation_](Agent& agent) {
    if (agent.watch_generation_ == generation) {
      agent.post(core::ProcessFailed{"app", agent.world_.setup().failure_action, "process app not running"});
    }
  });
}

void Agent::standby_process_died() {
  if (watches_[static_cast<std::size_t>(core::WatchClass::second)]) {
    post(core::ProcessFailed{"standby", world_.setup().failure_action, "process standby not running"});
  }
}

}  // namespace clusteragent::simulation
