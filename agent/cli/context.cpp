#include "agent/cli/context.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "agent/control/client.hpp"

namespace clusteragent::cli {
namespace {

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

}  // namespace

std::vector<std::string> installed_modules(const control::Paths& paths) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator{paths.modules_dir(), error}) {
    const std::string name = entry.path().filename();
    if (!control::is_module_name(name)) continue;
    if (std::filesystem::exists(entry.path() / "userconfig.xml", error)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::string> find_module(const Context& context) {
  std::string wanted = context.module;
  if (wanted.empty() && is_in_script()) wanted = std::getenv("SAFEMODULE");
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

bool is_in_script() {
  return is_set("SAFEMODULE");
}

Result<control::Json> ask(const Context& context, const std::string& module, control::Json message, Duration limit) {
  if (!context.node.empty()) message["node"] = context.node;
  return control::request(context.paths.socket(module), module, message, limit);
}

Result<control::Json> ask_status(const Context& context, const std::string& module) {
  auto answer = ask(context, module, {{"request", "status"}});
  if (!answer) return answer.error();
  const auto status = answer->find("status");
  if (status == answer->end()) return Error{ErrorCode::corrupt, "the agent's answer is not understood"};
  return std::move(*status);
}

int fail(const Error& error) {
  fmt::print(stderr, "clusteragent: {}\n", error.message);
  switch (error.code) {
    case ErrorCode::usage:
      return exit_usage;
    case ErrorCode::refused:
      return exit_refused;
    case ErrorCode::configuration:
      return exit_configuration;
    case ErrorCode::unreachable:
      return exit_unreachable;
    case ErrorCode::corrupt:
    case ErrorCode::system:
      return exit_failure;
  }
  return exit_failure;
}

bool is_terminal(std::FILE* stream) {
  return ::isatty(::fileno(stream)) == 1;
}

bool wants_colors(std::FILE* stream) {
  const char* terminal = std::getenv("TERM");
  const bool is_able = terminal != nullptr && std::strcmp(terminal, "dumb") != 0;
  return is_able && is_terminal(stream) && !is_set("NO_COLOR");
}

std::size_t screen_width() {
  constexpr std::size_t usual = 100;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const char* columns = std::getenv("COLUMNS");
  std::size_t width = usual;
  if (columns != nullptr) std::from_chars(columns, columns + std::strlen(columns), width);
  return width == 0 || width > 1000 ? usual : width;
}

}  // namespace clusteragent::cli
