#pragma once
// What every verb needs: where things lie, which module is meant, and what the exit code says.
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/base/time.hpp"
#include "agent/control/paths.hpp"
#include "agent/control/status.hpp"

namespace clusteragent::cli {

// `status --exit-state` has codes of its own: STOP 0, WAIT 1, ALONE 2, PRIM 3, SECOND 4.
enum ExitCode : int {
  exit_success = 0,
  exit_failure = 1,  // the system refused, or a time limit ran out
  exit_usage = 2,
  exit_refused = 3,      // the present state forbids it, or it ended in another state than asked for
  exit_unreachable = 4,  // no agent answers
  exit_configuration = 5,
  exit_differs = 6,  // `rfs verify --wait`: the copies are not equal, and nothing repaired them
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
/// Inside a module's script: SAFEMODULE is set.
bool is_in_script();

/// One request to the module's agent, which must be that of --node where one is given.
Result<control::Json> ask(const Context& context, const std::string& module, control::Json message,
                          Duration limit = std::chrono::seconds{10});
/// The status document.
Result<control::Json> ask_status(const Context& context, const std::string& module);

/// Writes `clusteragent: message` to standard error and returns the exit code of its kind.
int fail(const Error& error);

bool is_terminal(std::FILE* stream);
/// Only on a terminal that can, and not when NO_COLOR is set (no-color.org).
bool wants_colors(std::FILE* stream);
/// Columns of the terminal; otherwise $COLUMNS, otherwise 100.
std::size_t screen_width();

/// Who asks, for the log: the user behind sudo, else the user.
std::string caller_name();

}  // namespace clusteragent::cli
