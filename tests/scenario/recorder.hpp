#pragma once
// Writes down what an operator or a client would want to know: changes of state with their reasons, scripts, the
// virtual IP, epochs, answers. Heartbeats and renewals of permits are left out.
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulation/observer.hpp"
#include "tests/simulation/setup.hpp"

namespace clusteragent::scenario {

class Recorder final : public simulation::Observer {
 public:
  void on_event(simulation::World&, NodeId, const core::Event&) override;
  void on_action(simulation::World&, NodeId, const core::Action&) override;
  void on_transition(simulation::World&, NodeId, const core::View& before, const core::View& after) override;
  void on_change(simulation::World&) override;

  std::vector<std::string> take_lines() { return std::exchange(lines_, {}); }
  void say(simulation::World&, char who, const std::string& text);

 private:
  void note_script_end(simulation::World&, NodeId, const core::ActionFinished&);

  std::vector<std::string> lines_;
  std::array<core::Record, simulation::hosts> records_;
  std::array<std::optional<core::Record>, simulation::hosts> proposals_;
  std::array<std::vector<std::pair<Token, std::string>>, simulation::hosts> pending_;
  Epoch voted_;
  std::string served_by_ = "nobody";
  std::string read_from_ = "nobody";
};

}  // namespace clusteragent::scenario
