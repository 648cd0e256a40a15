#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <thread>

#include "agent/cli/verbs.hpp"
#include "agent/cli/wait_goal.hpp"
#include "agent/control/render_parts.hpp"
#include "agent/control/swap_plan.hpp"
#include "agent/core/names.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::cli {
namespace {

using control::Json;

// Often enough that a swap of a few milliseconds does not seem to take long, seldom enough to cost nothing.
constexpr auto look_again = std::chrono::milliseconds{50};
// An agent that is restarted under us, by an upgrade, is back by then.
constexpr auto absence_max = std::chrono::seconds{5};
// A standby that has just begun to follow knows within this that it has everything.
constexpr auto swap_patience = std::chrono::seconds{5};
// Longer than the default limits of a graceful and a forced stop and of a start together (300 s each).
constexpr int wait_seconds_default = 960;

struct Operation {
  core::Verb verb;
  const char* help;
};

constexpr std::array operations{
    Operation{core::Verb::start, "Start the module on this node"},
    Operation{core::Verb::stop, "Stop the module on this node; the other one takes over"},
    Operation{core::Verb::restart, "Stop and start the application in place"},
    Operation{core::Verb::stopstart, "Stop and start the module; on the primary that is a failover"},
    Operation{core::Verb::swap, "Exchange the roles of the two nodes"},
    Operation{core::Verb::prim, "Start or promote this node as primary"},
    Operation{core::Verb::second, "Start this node as secondary"},
};

struct Wishes {
  bool force = false;
  bool does_not_wait = false;
  bool is_only_shown = false;
  std::string identity;
  int seconds_max = wait_seconds_default;
};

}  // namespace

std::string caller_name() {
  if (const char* sudo_user = std::getenv("SUDO_USER")) return fmt::format("{} (sudo)", sudo_user);
  const passwd* entry = ::getpwuid(::geteuid());  // NOLINT(concurrency-mt-unsafe): the command line has one thread
  return entry == nullptr ? "root" : entry->pw_name;
}

namespace {

struct Seen {
  std::string state;
  std::string activity;
  std::string doing;
  std::string reason;
  std::string remedy;

  std::string line() const {
    return fmt::format("{} {}{}: {}", state, activity, doing.empty() ? "" : " (" + doing + ")", reason);
  }
};

Seen see(const Json& status) {
  const Json& local = control::part(status, "local");
  return {control::text(local, "state"), control::text(local, "activity"), control::text(local, "doing"),
          control::text(local, "reason"), control::text(local, "remedy")};
}

class Waiting {
 public:
  Waiting(const Context& context, std::string module, core::Verb verb, std::string before)
      : context_{context}, module_{std::move(module)}, verb_{verb}, before_{std::move(before)} {}

  /// Follows the module until it has settled; on a terminal with a line for each step.
  int run(int seconds_max) {
    const Instant end = platform::boottime_now() + std::chrono::seconds{seconds_max};
    Instant heard = platform::boottime_now();
    for (;;) {
      const auto status = ask_status(context_, module_);
      const Instant now = platform::boottime_now();
      if (status) {
        heard = now;
        seen_ = see(*status);
        show_step();
        const Progress progress = progress_of(verb_, before_, seen_.state, seen_.activity);
        if (progress != Progress::under_way) return conclude(progress == Progress::reached);
      } else if (status.error().code != ErrorCode::unreachable || now - heard > absence_max) {
        return fail(status.error());
      }
      if (now >= end) break;
      std::this_thread::sleep_for(look_again);
    }
    fmt::print(stderr, "clusteragent: {} has not settled after {} s and goes on: {}\n", module_, seconds_max,
               seen_.line());
    return exit_failure;
  }

 private:
  void show_step() {
    const std::string line = seen_.line();
    if (!is_terminal(stdout) || line == shown_) return;
    fmt::print("  {}\n", line);
    std::fflush(stdout);
    shown_ = line;
  }

  int conclude(bool is_reached) const {
    if (is_reached) {
      fmt::print("{}: {}\n", module_, seen_.line());
      return exit_success;
    }
    fmt::print(stderr, "clusteragent: {} was accepted, but {} is {}{}\n", core::name_of(verb_), module_, seen_.line(),
               seen_.remedy.empty() ? "" : "; remedy: " + seen_.remedy);
    return exit_refused;
  }

  const Context& context_;
  std::string module_;
  core::Verb verb_;
  std::string before_;
  Seen seen_;
  std::string shown_;
};

bool is_of_two_servers(const Json& status) {
  return control::text(control::part(status, "replication"), "engine") == "mysql";
}

int show_swap(const Context& context, const std::string& module) {
  const auto status = ask_status(context, module);
  if (!status) return fail(status.error());
  if (!is_of_two_servers(*status)) {
    return fail({ErrorCode::refused, fmt::format("{} has no <mysqlreplication>: what a swap does there are its scripts "
                                                 "and the virtual address, and only that is known",
                                                 module)});
  }
  const control::SwapPlan plan = control::mysql_swap_plan(*status);
  int at = 0;
  for (const std::string& step : plan.steps) fmt::print("{:2}. {}\n", ++at, step);
  for (const std::string& obstacle : plan.obstacles) fmt::print("refused now: {}\n", obstacle);
  if (!plan.obstacles.empty()) return exit_refused;
  fmt::print("Nothing was changed. Until step 2 nobody notices anything; from there on it is not taken back.\n");
  return exit_success;
}

/// Before anything is touched: what would have to be undone is not begun. Empty: nothing speaks against it.
std::string swap_obstacle(const Context& context, const std::string& module) {
  const Instant end = platform::boottime_now() + swap_patience;
  for (;;) {
    const auto status = ask_status(context, module);
    // The agent has the last word: it refuses what its own state does not allow.
    if (!status || !is_of_two_servers(*status)) return {};
    const control::SwapPlan plan = control::mysql_swap_plan(*status);
    if (plan.steps.empty() || plan.obstacles.empty()) return {};
    if (platform::boottime_now() >= end) return plan.obstacles.front();
    std::this_thread::sleep_for(look_again);
  }
}

int operate(const Context& context, core::Verb verb, const Wishes& wishes) {
  const auto module = find_module(context);
  if (!module) return fail(module.error());
  if (wishes.is_only_shown) return show_swap(context, *module);
  if (verb == core::Verb::swap) {
    const std::string obstacle = swap_obstacle(context, *module);
    if (!obstacle.empty())
      return fail({ErrorCode::refused, "the swap was not begun, nothing was changed: " + obstacle});
  }
  // A script of the module that waited for the module would wait for itself.
  const bool waits = !wishes.does_not_wait && wishes.identity.empty() && !is_in_script();
  std::string before;
  if (waits) {
    const auto status = ask_status(context, *module);
    if (!status) return fail(status.error());
    before = see(*status).state;
  }
  const auto answer = ask(context, *module,
                          {{"request", "operate"},
                           {"verb", core::name_of(verb)},
                           {"force", wishes.force},
                           {"identity", wishes.identity},
                           {"asked_by", caller_name()}});
  if (!answer) return fail(answer.error());
  fmt::print("{}\n", control::text(*answer, "message"));
  std::fflush(stdout);
  return waits ? Waiting{context, *module, verb, before}.run(wishes.seconds_max) : exit_success;
}

}  // namespace

void add_operations(const Program& program) {
  for (const Operation& operation : operations) {
    auto* verb = program.app.add_subcommand(std::string{core::name_of(operation.verb)}, operation.help);
    auto wishes = std::make_shared<Wishes>();
    verb->add_flag("--no-wait", wishes->does_not_wait, "Return as soon as the agent has agreed");
    verb->add_option("--timeout", wishes->seconds_max, "Longest wait, in seconds")
        ->check(CLI::Range(1, 86400))
        ->capture_default_str();
    verb->add_option("-i,--identity", wishes->identity,
                     "Who asks, if not the administrator: counts against maxloop and does not wait");
    if (operation.verb == core::Verb::swap) {
      verb->add_flag("--dry-run", wishes->is_only_shown,
                     "Print the steps and what speaks against it, of a module with <mysqlreplication>; change nothing");
    }
    if (operation.verb == core::Verb::prim) {
      verb->add_flag("--force", wishes->force, "Accept the loss of writes that this node lacks");
    }
    verb->callback(
        [program, &operation, wishes] { program.exit_code = operate(program.context, operation.verb, *wishes); });
  }
}

}  // namespace clusteragent::cli
