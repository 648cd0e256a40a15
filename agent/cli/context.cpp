#include "agent/cli/context.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace clusteragent::cli {

std::vector<std::string> installed_modules(const control::Paths& paths) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator{paths.modules_dir(), error}) {
    const std::string name = entry.path().filename();
    if (control::is_module_name(name) && std::filesystem::exists(entry.path() / "userconfig.xml", error))
      names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::string> find_module(const Context& context) {
  std::string wanted = context.module;
  if (wanted.empty()) {
    if (const char* module = std::getenv("SAFEMODULE")) wanted = module;
  }
  if (!wanted.empty()) {
    if (control::is_module_name(wanted)) return wanted;
    return Error{ErrorCode::usage,
                 fmt::format("\"{}\" is no module name: letters, digits, '_' and '-', at most 24", wanted)};
  }
  const auto names = installed_modules(context.paths);
  if (names.size() == 1) return names.front();
  if (names.empty()) {
    return Error{ErrorCode::configuration, fmt::format("no module in {}; copy one from /usr/share/clusteragent/modules",
                                                       context.paths.modules_dir())};
  }
  return Error{ErrorCode::usage,
               fmt::format("several modules are here, say which with -m: {}", fmt::join(names, ", "))};
}

int fail(const Error& error) {
  fmt::print(stderr, "clusteragent: {}\n", error.message);
  switch (error.code) {
    case ErrorCode::usage:
      return exit_usage;
    case ErrorCode::refused:
      return exit_refused;
    case ErrorCode::configuration:
    case ErrorCode::corrupt:
      return exit_configuration;
    case ErrorCode::unreachable:
    case ErrorCode::system:
      return exit_unreachable;
  }
  return exit_unreachable;
}

}  // namespace clusteragent::cli
