#include "agent/core/explain.hpp"

#include <fmt/format.h>

#include "agent/cli/verbs.hpp"

namespace clusteragent::cli {

void add_explain(const Program& program) {
  struct Wishes {
    std::string state;
    bool page = false;
  };
  auto* verb = program.app.add_subcommand("explain", "What can happen in a state, and why");
  auto wishes = std::make_shared<Wishes>();
  verb->add_option("STATE", wishes->state, "STOP, WAIT, ALONE, PRIM or SECOND");
  verb->add_flag("--page", wishes->page, "The whole page docs/states.md");
  verb->callback([program, wishes] {
    if (wishes->page) {
      fmt::print("{}", core::states_page());
      return;
    }
    const auto text = core::explain_state(wishes->state);
    if (text) {
      fmt::print("{}", *text);
    } else {
      program.exit_code = fail({ErrorCode::usage, "which state? STOP, WAIT, ALONE, PRIM or SECOND"});
    }
  });
}

}  // namespace clusteragent::cli
