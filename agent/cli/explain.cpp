#include "agent/core/explain.hpp"

#include <fmt/format.h>

#include "agent/cli/verbs.hpp"

namespace clusteragent::cli {
namespace {

int explain(const std::vector<std::string>& states) {
  std::string shown;
  for (const std::string& state : states) {
    const auto text = core::explain_state(state);
    if (!text) {
      return fail({ErrorCode::usage, fmt::format("there is no state {}: STOP, WAIT, ALONE, PRIM and SECOND", state)});
    }
    shown += (shown.empty() ? "" : "\n") + *text;
  }
  fmt::print("{}", shown);
  return exit_success;
}

}  // namespace

void add_explain(const Program& program) {
  struct Wishes {
    std::vector<std::string> states;
    bool page = false;
  };
  auto* verb = program.app.add_subcommand("explain", "What can happen in a state, and why");
  auto wishes = std::make_shared<Wishes>();
  auto* states = verb->add_option("STATE", wishes->states, "STOP, WAIT, ALONE, PRIM, SECOND; default: all of them");
  verb->add_flag("--page", wishes->page, "The whole page docs/states.md")->excludes(states);
  verb->callback([program, wishes] {
    if (wishes->page) {
      fmt::print("{}", core::states_page());
      return;
    }
    if (wishes->states.empty()) wishes->states = {"STOP", "WAIT", "ALONE", "PRIM", "SECOND"};
    program.exit_code = explain(wishes->states);
  });
}

}  // namespace clusteragent::cli
