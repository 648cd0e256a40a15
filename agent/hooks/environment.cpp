#include "agent/hooks/environment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "agent/base/assert.hpp"
#include "agent/core/names.hpp"

namespace clusteragent::hooks {
namespace {

using core::ScriptKind;

constexpr std::array inherited_names{"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "USER", "LOGNAME", "SHELL"};
constexpr std::array safekit_names{"SAFE",         "SAFEMODULE", "SAFEBIN",    "SAFEUSERBIN",
                                   "SAFEUSERCONF", "SAFEVAR",    "SAFEUSERVAR"};
// An agent that init started without one: administrators expect the system's own tools to be found.
constexpr const char* default_path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

bool is_inherited(std::string_view entry) {
  const std::string_view name = entry.substr(0, entry.find('='));
  return name.starts_with("LC_") ||
         std::find(inherited_names.begin(), inherited_names.end(), name) != inherited_names.end();
}

std::string assignment(std::string_view name, std::string_view value) {
  return fmt::format("{}={}", name, value);
}

}  // namespace

std::vector<std::string> script_arguments(const std::string& path, const core::RunScript& run) {
  std::vector<std::string> arguments{path};
  if (run.fence) {
    arguments.push_back(run.fence->peer);
    return arguments;
  }
  if (run.force) arguments.emplace_back("force");
  arguments.emplace_back(core::name_of(run.from));
  arguments.emplace_back(core::name_of(run.to));
  arguments.push_back(run.action);
  return arguments;
}

bool is_reserved_variable(std::string_view name) {
  return name.starts_with("CLUSTERAGENT_") ||
         std::find(safekit_names.begin(), safekit_names.end(), name) != safekit_names.end();
}

std::vector<std::string> module_environment(const Options& options, const std::vector<std::string>& inherited) {
  std::vector<std::string> environment;
  const auto is_variable = [&options](std::string_view entry) {
    const std::string_view name = entry.substr(0, entry.find('='));
    return std::any_of(options.variables.begin(), options.variables.end(),
                       [name](const auto& variable) { return variable.first == name; });
  };
  bool has_path = false;
  for (const std::string& entry : inherited) {
    if (!is_inherited(entry) || is_variable(entry)) continue;
    has_path = has_path || entry.starts_with("PATH=");
    environment.push_back(entry);
  }
  if (!has_path && !is_variable("PATH")) environment.emplace_back(default_path);
  for (const auto& [name, value] : options.variables) {
    if (!is_reserved_variable(name)) environment.push_back(assignment(name, value));
  }
  environment.push_back(assignment("SAFE", options.safe_dir));
  environment.push_back(assignment("SAFEMODULE", options.module));
  environment.push_back(assignment("SAFEBIN", options.safe_bin_dir));
  environment.push_back(assignment("SAFEUSERBIN", options.bin_dir));
  environment.push_back(assignment("SAFEUSERCONF", options.conf_dir));
  environment.push_back(assignment("SAFEVAR", options.var_dir));
  environment.push_back(assignment("SAFEUSERVAR", options.user_var_dir));
  environment.push_back(assignment("CLUSTERAGENT_NODE", options.node));
  environment.push_back(assignment("CLUSTERAGENT_PEER", options.peer));
  environment.push_back(assignment("CLUSTERAGENT_PEER_ADDRESSES", options.peer_addresses));
  if (!options.root.empty()) environment.push_back(assignment("CLUSTERAGENT_ROOT", options.root));
  if (!options.lib_dir.empty()) environment.push_back(assignment("CLUSTERAGENT_LIB", options.lib_dir));
  if (!options.agent_binary.empty()) environment.push_back(assignment("CLUSTERAGENT_BIN", options.agent_binary));
  return environment;
}

std::vector<std::string> run_environment(const core::RunScript& run, Epoch epoch) {
  std::vector<std::string> environment{
      assignment("CLUSTERAGENT_SCRIPT", core::name_of(run.script)),
      assignment("CLUSTERAGENT_STATE", core::name_of(run.from)),
      assignment("CLUSTERAGENT_NEXT_STATE", core::name_of(run.to)),
      assignment("CLUSTERAGENT_ACTION", run.action),
      assignment("CLUSTERAGENT_FORCE", run.force ? "1" : "0"),
      assignment("CLUSTERAGENT_EPOCH", std::to_string((run.fence ? run.fence->epoch : epoch).value()))};
  if (run.fence) environment.push_back(assignment("CLUSTERAGENT_REASON", run.fence->reason));
  return environment;
}

std::string_view service_class(ScriptKind script) {
  switch (script) {
    case ScriptKind::start_prim:
    case ScriptKind::stop_prim:
      return "prim";
    case ScriptKind::start_second:
    case ScriptKind::stop_second:
      return "second";
    case ScriptKind::start_sec:
    case ScriptKind::stop_sec:
      return "sec";
    case ScriptKind::start_both:
    case ScriptKind::stop_both:
      return "both";
    case ScriptKind::prestart:
    case ScriptKind::poststop:
    case ScriptKind::transition:
    case ScriptKind::fence:
      return {};
  }
  CLUSTERAGENT_ASSERT(false);
}

bool is_start_script(ScriptKind script) {
  return script == ScriptKind::start_prim || script == ScriptKind::start_second || script == ScriptKind::start_sec ||
         script == ScriptKind::start_both;
}

bool is_stop_script(ScriptKind script) {
  return !service_class(script).empty() && !is_start_script(script);
}

ScriptKind start_script_of(ScriptKind stop_script) {
  switch (stop_script) {
    case ScriptKind::stop_prim:
      return ScriptKind::start_prim;
    case ScriptKind::stop_second:
      return ScriptKind::start_second;
    case ScriptKind::stop_sec:
      return ScriptKind::start_sec;
    case ScriptKind::stop_both:
      return ScriptKind::start_both;
    default:
      CLUSTERAGENT_ASSERT(false);
  }
}

std::string service_marker(const Options& options, std::string_view service_class) {
  return fmt::format("CLUSTERAGENT_SERVICE={}/{}@{}:{}", options.module, service_class, options.node, options.root);
}

}  // namespace clusteragent::hooks
