#pragma once
// What every verb needs: where things lie, which module is meant, and what the exit code says.
#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/control/paths.hpp"

namespace clusteragent::cli {

enum ExitCode : int {
  exit_success = 0,
  exit_usage = 2,
  exit_refused = 3,
  exit_unreachable = 4,
  exit_configuration = 5
};

struct Context {
  control::Paths paths;
  std::string node;    // of --node; empty: found by itself
  std::string module;  // of -m; empty: found by itself
};

/// Names under modules/ that have a userconfig.xml, sorted.
std::vector<std::string> installed_modules(const control::Paths& paths);
/// -m, else SAFEMODULE (inside the module's scripts), else the only module there is.
Result<std::string> find_module(const Context& context);

/// Writes `clusteragent: message` to standard error and returns the exit code of its kind.
int fail(const Error& error);

}  // namespace clusteragent::cli
