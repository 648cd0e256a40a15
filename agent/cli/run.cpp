#include "agent/cli/verbs.hpp"

namespace clusteragent::cli {

void add_run(const Program& program, const RunAgent& run_agent) {
  auto* verb = program.app.add_subcommand("run", "Run the agent of a module in the foreground (the service does this)");
  auto debug = std::make_shared<bool>(false);
  verb->add_flag("--debug", *debug, "Log every step");
  verb->callback([program, run_agent, debug] {
    const auto module = find_module(program.context);
    program.exit_code =
        module ? run_agent({program.context.paths.root, program.context.node, *module, *debug}) : fail(module.error());
  });
}

}  // namespace clusteragent::cli
