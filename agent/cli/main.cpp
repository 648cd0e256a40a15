#include <string_view>

#include "agent/cli/program.hpp"
#include "agent/data/filesync/engine/engine.hpp"

int main(int argc, char** argv) {
  // Not a verb for people: the agent starts its replication engine so.
  if (argc == 2 && std::string_view{argv[1]} == "filesync") return clusteragent::filesync::run_engine();
  return clusteragent::cli::run_program(argc, argv, clusteragent::daemon::run_agent, clusteragent::daemon::run_witness);
}
