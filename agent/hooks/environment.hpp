#pragma once
// What a script is given: arguments and environment as SafeKit's guide (14.1 - 14.3) names them, and a few of our own.
// Pure functions over values; any thread.
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/ids.hpp"
#include "agent/core/actions.hpp"
#include "agent/hooks/options.hpp"

namespace clusteragent::hooks {

/// `[force] current-state next-state action`, with the script's path in front; for `fence` the peer's name alone.
std::vector<std::string> script_arguments(const std::string& path, const core::RunScript& run);

/// Variables that every script and handler of the module gets, as NAME=value. `inherited` is the agent's own
/// environment: only what names places and language is taken from it. What systemd tells the agent (NOTIFY_SOCKET,
/// WATCHDOG_*, LISTEN_*) must not reach a database server that would answer in the agent's name.
std::vector<std::string> module_environment(const Options& options, const std::vector<std::string>& inherited);

/// CLUSTERAGENT_SCRIPT, _STATE, _NEXT_STATE, _ACTION, _FORCE and _EPOCH of one run; of `fence` also _REASON, and the
/// epoch that is to begin.
std::vector<std::string> run_environment(const core::RunScript& run, Epoch epoch);

/// The group of scripts whose start script makes processes and whose stop script ends them: "prim" for start_prim and
/// stop_prim, and so on; empty for a script that belongs to none.
std::string_view service_class(core::ScriptKind script);
bool is_start_script(core::ScriptKind script);
bool is_stop_script(core::ScriptKind script);

/// The start script that a stop script undoes. Only for stop scripts.
core::ScriptKind start_script_of(core::ScriptKind stop_script);

/// `CLUSTERAGENT_SERVICE=...`: what marks the processes of one class of one module on one node of this machine.
std::string service_marker(const Options& options, std::string_view service_class);

/// Names that a <var> cannot take: they would change what the agent itself tells its scripts.
bool is_reserved_variable(std::string_view name);

}  // namespace clusteragent::hooks
