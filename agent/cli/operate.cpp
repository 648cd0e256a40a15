#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "agent/cli/verbs.hpp"
#include "agent/control/client.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::cli {
namespace {

struct Operation {
  const char* verb;
  const char* help;
  std::vector<std::string> settled;  // states in which the command has done its work
};

const std::vector<Operation> operations{
    {"start", "Start the module on this node", {"ALONE Ready", "PRIM Ready", "SECOND Ready", "WAIT NotReady"}},
    {"stop", "Stop the module on this node; the other one takes over", {"STOP NotReady"}},
    {"restart", "Stop and start the application in place", {"ALONE Ready", "PRIM Ready", "SECOND Ready"}},
    {"stopstart",
     "Stop and start the module; on the primary that is a failover",
     {"ALONE Ready", "PRIM Ready", "SECOND Ready", "WAIT NotReady"}},
    {"swap", "Exchange the roles of the two nodes", {"ALONE Ready", "PRIM Ready", "SECOND Ready"}},
    {"prim", "Start or promote this node as primary", {"ALONE Ready", "PRIM Ready"}},
    {"second", "Start this node as secondary", {"SECOND Ready"}},
};

struct Wishes {
  bool force = false;
  bool does_not_wait = false;
  std::string identity;
  int seconds_max = 900;  // longer than graceful and forced stop limits of 300 s together
};

std::string caller_name() {
  if (const char* sudo_user = std::getenv("SUDO_USER")) return fmt::format("{} (sudo)", sudo_user);
  const passwd* entry = ::getpwuid(::geteuid());
  return entry == nullptr ? "root" : entry->pw_name;
}

std::string state_of(const control::Json& answer) {
  const auto& local = answer.at("status").at("local");
  return local.value("state", "") + " " + local.value("activity", "");
}

/// Follows the module until it has settled, a line for each change of state.
int wait_until_settled(const std::string& socket, const std::string& module, const Operation& operation,
                       int seconds_max) {
  constexpr auto look_again = std::chrono::milliseconds{50};
  const Instant end = platform::boottime_now() + std::chrono::seconds{seconds_max};
  std::string shown;
  while (platform::boottime_now() < end) {
    std::this_thread::sleep_for(look_again);
    const auto answer = control::request(socket, module, {{"request", "status"}});
    if (!answer) return fail(answer.error());
    const std::string state = state_of(*answer);
    if (state != shown) {
      fmt::print("{}: {}\n", state, answer->at("status").at("local").value("reason", ""));
      std::fflush(stdout);
      shown = state;
    }
    for (const std::string& settled : operation.settled) {
      if (state == settled) return exit_success;
    }
  }
  return fail({ErrorCode::unreachable,
               fmt::format("{} has not settled after {} s; it goes on, see clusteragent status", module, seconds_max)});
}

int operate(const Context& context, const Operation& operation, const Wishes& wishes) {
  const auto module = find_module(context);
  if (!module) return fail(module.error());
  const std::string socket = context.paths.socket(*module);
  const auto answer = control::request(socket, *module,
                                       {{"request", "operate"},
                                        {"verb", operation.verb},
                                        {"force", wishes.force},
                                        {"identity", wishes.identity},
                                        {"asked_by", caller_name()}});
  if (!answer) return fail(answer.error());
  fmt::print("{}\n", answer->value("message", ""));
  // A script of the module that waited for the module would wait for itself.
  const bool is_script = !wishes.identity.empty() || std::getenv("SAFEMODULE") != nullptr;
  if (wishes.does_not_wait || is_script) return exit_success;
  return wait_until_settled(socket, *module, operation, wishes.seconds_max);
}

}  // namespace

void add_operations(const Program& program) {
  for (const Operation& operation : operations) {
    auto* verb = program.app.add_subcommand(operation.verb, operation.help);
    auto wishes = std::make_shared<Wishes>();
    verb->add_flag("--no-wait", wishes->does_not_wait, "Return as soon as the agent has agreed");
    verb->add_option("--timeout", wishes->seconds_max, "Longest wait, in seconds")->check(CLI::Range(1, 86400));
    verb->add_option("-i,--identity", wishes->identity, "Who asks, if not the administrator; counts against maxloop");
    if (std::string{operation.verb} == "prim") {
      verb->add_flag("--force", wishes->force, "Accept the loss of writes that this node lacks");
    }
    verb->callback([program, &operation, wishes] { program.exit_code = operate(program.context, operation, *wishes); });
  }
}

}  // namespace clusteragent::cli
