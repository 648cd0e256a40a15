#pragma once
// One seed from beginning to end: a part with faults and safety checks, then healing with liveness checks.
#include <deque>
#include <optional>
#include <string>

#include "tests/simulation/statistics.hpp"
#include "tests/simulation/trace.hpp"
#include "tests/simulation/variant.hpp"
#include "tests/simulation/world.hpp"

namespace clusteragent::simulation {

struct RunOptions {
  std::uint64_t seed = 1;
  std::string profile = "mixed";
  std::optional<Duration> until;
  Variant variant = Variant::none;
  TraceMode trace = TraceMode::hash_only;
};

struct RunResult {
  std::optional<Violation> violation;
  std::uint64_t hash = 0;
  RunFigures figures;
};

/// The World whose story an assertion failure would want to tell; nullptr between runs.
const Trace* trace_of_running_world();
RunResult run_seed(const RunOptions& options, std::deque<std::string>* last_lines = nullptr);

}  // namespace clusteragent::simulation
