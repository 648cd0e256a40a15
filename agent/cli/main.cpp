#include <fmt/format.h>

#include <cstdlib>

#include "agent/base/version.hpp"
#include "agent/cli/verbs.hpp"

int main(int argc, char** argv) {
  using namespace clusteragent;
  cli::Context context;
  if (const char* root = std::getenv("CLUSTERAGENT_ROOT")) context.paths.root = root;
  int exit_code = cli::exit_success;
  CLI::App app{"High availability for one application on two machines.", "clusteragent"};
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--root", context.paths.root, "Put every path under DIR")->type_name("DIR");
  app.add_option("--node", context.node, "This node's name in cluster.xml")->type_name("NAME");
  app.add_option("-m,--module", context.module, "The module; not needed where there is one")->type_name("MODULE");
  const cli::Program program{app, context, exit_code};
  cli::add_run(program);
  cli::add_operations(program);
  cli::add_status(program);
  cli::add_log(program);
  cli::add_config(program);
  cli::add_keygen(program);
  cli::add_prints(program);
  cli::add_explain(program);
  app.add_subcommand("version", "Show the version")->callback([] { fmt::print("clusteragent {}\n", version); });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? cli::exit_success : cli::exit_usage;
  }
  return exit_code;
}
