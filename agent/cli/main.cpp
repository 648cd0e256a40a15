#include "agent/cli/program.hpp"

int main(int argc, char** argv) {
  return clusteragent::cli::run_program(argc, argv, clusteragent::daemon::run_agent, clusteragent::daemon::run_witness);
}
