#pragma once
// The composition root of the witness: keys, server, control socket, signals. SIGHUP reads the keys again.
//
// run_witness blocks the calling thread until SIGTERM. It returns an exit code of the command line (0 ended in order, 2
// wrong --listen, 4 cannot run here, 5 bad configuration); every refusal has been written to standard error.
#include <string>

namespace clusteragent::daemon {

struct WitnessRunOptions {
  std::string root;    // empty: /
  std::string listen;  // ADDRESS:PORT; empty: every address, port 9200
};

int run_witness(const WitnessRunOptions& options);

}  // namespace clusteragent::daemon
