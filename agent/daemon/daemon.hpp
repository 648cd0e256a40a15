#pragma once
// The composition root: builds one module's agent out of its parts and runs it until it is told to end.
//
// run_agent blocks the calling thread, which becomes the decision thread. It returns an exit code of the command line
// (0 ended in order, 4 cannot run here, 5 bad configuration); every refusal has been written to standard error.
#include <string>

namespace clusteragent::daemon {

struct RunOptions {
  std::string root;  // empty: /
  std::string node;  // empty: found by host name or address
  std::string module;
  bool debug = false;
};

int run_agent(const RunOptions& options);

}  // namespace clusteragent::daemon
