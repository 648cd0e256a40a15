#include "agent/cli/program.hpp"

#include <cstdlib>

#include "agent/cli/verbs.hpp"

namespace clusteragent::cli {

int run_program(int argc, const char* const* argv, const RunAgent& run_agent, const RunWitness& run_witness) {
  Context context;
  if (const char* root = std::getenv("CLUSTERAGENT_ROOT")) context.paths.root = root;
  int exit_code = exit_success;
  CLI::App app{"High availability for one application on two machines.", "clusteragent"};
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(
      "Exit codes: 0 success, 1 failure, 2 usage, 3 refused by the present state, 4 agent not reachable,\n"
      "5 bad configuration, 6 the copies differ. See clusteragent(8).");
  app.add_option("--root", context.paths.root, "Put every path under DIR ($CLUSTERAGENT_ROOT)")->type_name("DIR");
  app.add_option("--node", context.node, "The node of cluster.xml that this is")->type_name("NAME");
  app.add_option("-m,--module", context.module, "The module; not needed where there is one")->type_name("MODULE");
  const Program program{app, context, exit_code};
  add_run(program, run_agent);
  add_operations(program);
  add_hand_over(program);
  add_maintenance(program);
  add_acknowledge(program);
  add_rfs(program);
  add_mysql(program);
  add_salvage(program);
  add_status(program);
  add_log(program);
  add_config(program);
  add_keygen(program);
  add_prints(program);
  add_explain(program);
  add_witness(program, run_witness);
  add_version(program);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_success : exit_usage;
  }
  return exit_code;
}

}  // namespace clusteragent::cli
