#pragma once
// Starts an engine. Threads: any. Errors: text for the operator.
#include <sys/types.h>

#include "agent/base/result.hpp"
#include "agent/data/engine_program.hpp"

namespace clusteragent::data {

/// The child has the socket where it looks for it, default signals, no blocked ones, and a session of its own.
Result<pid_t> start_process(const EngineProgram& program, int descriptor);

}  // namespace clusteragent::data
