#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <thread>

#include "agent/cli/verbs.hpp"
#include "agent/control/client.hpp"
#include "agent/control/render.hpp"

namespace clusteragent::cli {
namespace {

struct Wishes {
  bool as_json = false;
  bool watches = false;
  bool exits_with_state = false;
};

bool wants_colours() {
  return ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
}

int state_code(const control::Json& status) {
  // SafeKit's `state -lq`.
  static const std::map<std::string, int> codes{{"STOP", 0}, {"WAIT", 1}, {"ALONE", 2}, {"PRIM", 3}, {"SECOND", 4}};
  const auto found = codes.find(status.at("local").value("state", ""));
  return found == codes.end() ? static_cast<int>(exit_unreachable) : found->second;
}

int show_once(const Context& context, const std::string& module, const Wishes& wishes) {
  const auto answer = control::request(context.paths.socket(module), module, {{"request", "status"}});
  if (!answer) return fail(answer.error());
  const auto& status = answer->at("status");
  if (wishes.as_json) {
    fmt::print("{}\n", status.dump(2));
  } else {
    fmt::print("{}", control::render_status(status, wants_colours()));
  }
  std::fflush(stdout);
  return wishes.exits_with_state ? state_code(status) : static_cast<int>(exit_success);
}

int show(const Context& context, const Wishes& wishes) {
  std::vector<std::string> modules;
  if (context.module.empty() && std::getenv("SAFEMODULE") == nullptr) modules = installed_modules(context.paths);
  if (modules.size() < 2) {
    const auto module = find_module(context);
    if (!module) return fail(module.error());
    modules = {*module};
  }
  int code = exit_success;
  do {
    if (wishes.watches && ::isatty(STDOUT_FILENO) == 1) fmt::print("\x1b[H\x1b[2J");
    for (const std::string& module : modules) {
      const int outcome = show_once(context, module, wishes);
      if (outcome != exit_success) code = outcome;
    }
    if (wishes.watches) std::this_thread::sleep_for(std::chrono::seconds{1});
  } while (wishes.watches);
  return code;
}

}  // namespace

void add_status(const Program& program) {
  auto* verb = program.app.add_subcommand("status", "Show both nodes: state, why, virtual IP, heartbeats, processes");
  auto wishes = std::make_shared<Wishes>();
  verb->add_flag("--json", wishes->as_json, "As JSON (docs/status.md)");
  verb->add_flag("--watch", wishes->watches, "Again every second");
  verb->add_flag("--exit-state", wishes->exits_with_state, "Exit with STOP 0, WAIT 1, ALONE 2, PRIM 3, SECOND 4");
  verb->callback([program, wishes] { program.exit_code = show(program.context, *wishes); });
}

}  // namespace clusteragent::cli
