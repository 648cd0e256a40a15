#pragma once
// One file a verb. Each adds itself to the command line; its action sets the exit code.
#include <CLI/CLI.hpp>

#include "agent/cli/context.hpp"
#include "agent/cli/program.hpp"

namespace clusteragent::cli {

struct Program {
  CLI::App& app;
  Context& context;
  int& exit_code;
};

void add_run(const Program& program, const RunAgent& run_agent);
void add_operations(const Program& program);  // start stop restart stopstart swap prim second
void add_hand_over(const Program& program);
void add_acknowledge(const Program& program);
void add_maintenance(const Program& program);  // on off
void add_rfs(const Program& program);          // verify
void add_mysql(const Program& program);        // init verify
void add_salvage(const Program& program);      // list show extract drop
void add_status(const Program& program);
void add_log(const Program& program);
void add_config(const Program& program);
void add_keygen(const Program& program);
void add_prints(const Program& program);  // printi printw printe
void add_explain(const Program& program);
void add_witness(const Program& program, const RunWitness& run_witness);  // run status
void add_version(const Program& program);

}  // namespace clusteragent::cli
