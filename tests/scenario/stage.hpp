#pragma once
// Carries out the commands of a scenario on a simulated cluster with fixed delays, so that the reaction is the same on
// every machine. Owned by the runner; single-threaded.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.hpp"
#include "tests/scenario/recorder.hpp"
#include "tests/simulation/invariants.hpp"
#include "tests/simulation/world.hpp"

namespace clusteragent::scenario {

class Stage {
 public:
  Stage();

  /// Runs one line; an Error is a mistake in the scenario, never in the cluster.
  Status carry_out(const std::string& line);
  std::vector<std::string> take_reaction();

 private:
  using Words = std::vector<std::string>;

  Status set_up(const Words& words);
  Status option(const std::string& key, const std::string& value);
  void raise_curtain();
  Status act_on_world(const Words& words);
  Status act_on_witness(const Words& words);
  Status act_on_host(const Words& words, simulation::Host& host);
  Status act_on_parts(const Words& words, simulation::Host& host);
  Status cut(const Words& words, int change);
  Status script(const Words& words, simulation::Host& host);
  Status ask(const Words& words, core::Verb verb);
  void report_status();

  simulation::Setup setup_;
  std::unique_ptr<simulation::World> world_;
  simulation::Invariants rules_;
  Recorder recorder_;
  std::optional<NodeId> absent_;  // has no power when the scenario begins
  bool has_reported_violation_ = false;
};

}  // namespace clusteragent::scenario
