#include "agent/cli/key_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "agent/control/client.hpp"
#include "agent/control/render_parts.hpp"

namespace clusteragent::cli {
namespace {

using control::Json;

bool accepts(const Json& status, const std::string& id) {
  const Json& keys = control::part(control::part(status, "keys"), "accepts");
  return keys.is_array() &&
         std::any_of(keys.begin(), keys.end(), [&id](const Json& key) { return control::text(key, "key_id") == id; });
}

/// `why_not`: empty when there is nothing against it. Modules that do not run here have no say.
Status check_modules(const Context& context, const std::string& file,
                     const std::function<std::string(const Json& status)>& why_not) {
  if (file != context.paths.key_file()) return success();
  for (const std::string& module : installed_modules(context.paths)) {
    const auto status = ask_status(context, module);
    if (!status) continue;
    const std::string reason = why_not(*status);
    if (reason.empty()) continue;
    return Error{ErrorCode::refused,
                 fmt::format("module {}: {}; --force does it nevertheless, and the nodes may lose sight of each other",
                             module, reason)};
  }
  return success();
}

int tell(const std::string& socket, const std::string& name) {
  const auto answer = control::request(socket, name, {{"request", "reload_keys"}});
  if (answer) {
    fmt::print("{}: {}\n", name, control::text(*answer, "message"));
    return exit_success;
  }
  std::error_code ignored;
  const bool may_run = std::filesystem::exists(socket, ignored);
  if (answer.error().code != ErrorCode::unreachable || may_run) return fail(answer.error());
  fmt::print("{}: does not run here, and reads the keys when it starts\n", name);
  return exit_success;
}

}  // namespace

Status check_next_is_accepted(const Context& context, const std::string& file, const std::string& next_id) {
  return check_modules(context, file, [&](const Json& status) -> std::string {
    const Json& report = control::part(status, "peer_report");
    if (!report.is_object()) return "the other node is not heard, so nobody knows whether it accepts the next key";
    if (accepts(report, next_id)) return {};
    return fmt::format(
        "the other node does not accept the next key {}: copy {}.next to it (mode 0600) and run "
        "clusteragent keygen --reload there",
        next_id, file);
  });
}

Status check_previous_is_unused(const Context& context, const std::string& file, const std::string& previous_id) {
  return check_modules(context, file, [&](const Json& status) -> std::string {
    const std::string used = control::text(control::part(status, "keys"), "peer_signs_with");
    if (used.empty()) return "the other node is not heard, so nobody knows which key it signs with";
    if (used != previous_id) return {};
    return fmt::format("the other node still signs with the previous key {}: run clusteragent keygen --activate there",
                       previous_id);
  });
}

int tell_to_reload(const Context& context, const std::string& file) {
  const bool is_of_witness =
      std::filesystem::path{file}.parent_path() == std::filesystem::path{context.paths.witness_keys_dir()};
  if (is_of_witness) return tell(context.paths.witness_socket(), "witness");
  int worst = exit_success;
  if (file != context.paths.key_file()) return worst;
  for (const std::string& module : installed_modules(context.paths)) {
    worst = std::max(worst, tell(context.paths.socket(module), module));
  }
  // A machine that is only a witness has no module, and its administrator says the same word.
  std::error_code ignored;
  if (std::filesystem::exists(context.paths.witness_socket(), ignored)) {
    worst = std::max(worst, tell(context.paths.witness_socket(), "witness"));
  }
  return worst;
}

}  // namespace clusteragent::cli
