#include "agent/cli/verbs.hpp"
#include "agent/daemon/daemon.hpp"

namespace clusteragent::cli {

void add_run(const Program& program) {
  auto* verb = program.app.add_subcommand("run", "Run the agent of a module in the foreground (the service does this)");
  static bool debug = false;
  verb->add_flag("--debug", debug, "Log every step");
  verb->callback([program] {
    const auto module = find_module(program.context);
    if (!module) {
      program.exit_code = fail(module.error());
      return;
    }
    program.exit_code =
        daemon::run_agent(daemon::RunOptions{program.context.paths.root, program.context.node, *module, debug});
  });
}

}  // namespace clusteragent::cli
