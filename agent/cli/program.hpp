#pragma once
// The command line as a function: parses, runs the verb, returns the exit code. Standard output and error are the
// process's own. One call at a time; the environment is read, not changed.
#include <functional>

#include "agent/daemon/daemon.hpp"
#include "agent/daemon/witness_daemon.hpp"

namespace clusteragent::cli {

using RunAgent = std::function<int(const daemon::RunOptions&)>;
using RunWitness = std::function<int(const daemon::WitnessRunOptions&)>;

int run_program(int argc, const char* const* argv, const RunAgent& run_agent, const RunWitness& run_witness);

}  // namespace clusteragent::cli
