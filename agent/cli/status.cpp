#include <fmt/format.h>

#include <map>
#include <thread>

#include "agent/cli/verbs.hpp"
#include "agent/control/render.hpp"
#include "agent/control/render_parts.hpp"
#include "agent/control/request.hpp"

namespace clusteragent::cli {
namespace {

using control::Json;

constexpr auto watch_interval = std::chrono::seconds{1};

struct Wishes {
  bool as_json = false;
  bool watches = false;
  bool exits_with_state = false;
};

int state_code(const std::string& state) {
  // SafeKit's `state -lq`.
  static const std::map<std::string, int> codes{{"STOP", 0}, {"WAIT", 1}, {"ALONE", 2}, {"PRIM", 3}, {"SECOND", 4}};
  const auto found = codes.find(state);
  return found == codes.end() ? static_cast<int>(exit_unreachable) : found->second;
}

std::string state_of(const Json& status) {
  return control::text(control::part(status, "local"), "state");
}

std::string line_of(const Json& status) {
  const Json& local = control::part(status, "local");
  return fmt::format("{} {}\n", control::text(local, "state"), control::text(local, "activity"));
}

// One look at every module; the whole text at once, so that a screen that is watched does not flicker.
struct Look {
  std::string text;
  Json documents = Json::array();
  int exit_code = exit_success;
};

Look look(const Context& context, const std::vector<std::string>& modules, const Wishes& wishes) {
  Look result;
  for (const std::string& module : modules) {
    const auto status = ask_status(context, module);
    if (!status) {
      const int code = fail(status.error());
      result.exit_code = code;
      result.documents.push_back({{"module", module}, {"local", nullptr}, {"error", status.error().message}});
      if (wishes.watches) result.text += fmt::format("module {}: unknown\n", module);
      continue;
    }
    if (wishes.exits_with_state) {
      result.exit_code = state_code(state_of(*status));
      result.text += line_of(*status);
    } else {
      result.text +=
          (result.text.empty() ? "" : "\n") + control::render_status(*status, wants_colors(stdout), screen_width());
    }
    result.documents.push_back(*status);
  }
  return result;
}

void show(const Look& seen, const Wishes& wishes) {
  if (wishes.watches && is_terminal(stdout)) fmt::print("\x1b[H\x1b[2J");
  if (!wishes.as_json) {
    fmt::print("{}", seen.text);
  } else if (seen.documents.size() != 1) {
    fmt::print("{}\n", seen.documents.dump(2, ' ', false, Json::error_handler_t::replace));
  } else if (seen.documents.front().contains("schema")) {
    fmt::print("{}\n", seen.documents.front().dump(2, ' ', false, Json::error_handler_t::replace));
  }
  std::fflush(stdout);
}

int run(const Context& context, const Wishes& wishes) {
  std::vector<std::string> modules;
  if (context.module.empty() && !is_in_script()) modules = installed_modules(context.paths);
  if (modules.size() < 2 || wishes.exits_with_state) {
    const auto module = find_module(context);
    if (!module) return fail(module.error());
    modules = {*module};
  }
  for (;;) {
    const Look seen = look(context, modules, wishes);
    show(seen, wishes);
    if (!wishes.watches) return seen.exit_code;
    std::this_thread::sleep_for(watch_interval);
  }
}

}  // namespace

void add_status(const Program& program) {
  auto* verb = program.app.add_subcommand("status", "Show both nodes: state, why, virtual IP, heartbeats, processes");
  auto wishes = std::make_shared<Wishes>();
  auto* json = verb->add_flag("--json", wishes->as_json, "As JSON (docs/status.md); several modules: an array");
  auto* watch = verb->add_flag("--watch", wishes->watches, "Again every second");
  verb->add_flag(
          "--exit-state", wishes->exits_with_state,
          "Print the state and exit with it: STOP 0, WAIT 1, ALONE 2, PRIM 3, SECOND 4; nothing printed: 4, no agent")
      ->excludes(json)
      ->excludes(watch);
  verb->callback([program, wishes] { program.exit_code = run(program.context, *wishes); });
}

}  // namespace clusteragent::cli
