#include "tests/simulation/runner.hpp"

#include <utility>

#include "tests/simulation/invariants.hpp"
#include "tests/simulation/liveness.hpp"
#include "tests/simulation/nemesis.hpp"
#include "tests/simulation/swarm.hpp"

namespace clusteragent::simulation {
namespace {

const Trace* running_trace = nullptr;

void cut_apart(World& world) {
  if (world.setup().plan.split_cuts_lan) {
    world.lan().cut(world.now());
  }
  for (std::uint8_t path = 0; path < world.network().paths(); path++) {
    for (std::uint8_t node = 0; node < hosts; node++) {
      world.network().link(NodeId{node}, PathId{path}).cuts++;
    }
  }
}

}  // namespace

const Trace* trace_of_running_world() {
  return running_trace;
}

RunResult run_seed(const RunOptions& options, std::deque<std::string>* last_lines) {
  World world{draw(options.seed, options.profile, options.until), options.variant, options.trace};
  running_trace = &world.trace();
  Invariants rules = make_invariants(world.setup());
  Statistics statistics;
  Liveness liveness{world.setup()};
  world.add_observer(statistics);
  world.add_observer(liveness);
  for (const auto& rule : rules) {
    world.add_observer(*rule);
  }
  Nemesis nemesis{world};
  nemesis.begin();
  world.run_until(world.setup().plan.ends);
  if (world.setup().plan.ends_in_split && !world.violation()) {
    cut_apart(world);
    world.run_until(world.now() + 4 * world.setup().policy.timeout);
  }
  if (!world.violation()) {
    nemesis.heal();
    world.begin_healing();
    liveness.demand(world);
    world.tell([&](Observer& observer) { observer.at_end(world); });
  }
  RunResult result;
  result.violation = world.violation();
  result.hash = world.trace().hash();
  result.figures = std::move(statistics.figures());
  result.figures.profile = world.setup().profile;
  result.figures.faults = nemesis.used();
  result.figures.converged_after = liveness.converged_after();
  if (last_lines != nullptr) {
    *last_lines = world.trace().last_lines();
  }
  running_trace = nullptr;
  return result;
}

}  // namespace clusteragent::simulation
