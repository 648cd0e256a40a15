// `clusteragent hand-over`: the announced end of the agent. The unit calls it before systemd starts the agent again.
#include <fmt/format.h>

#include "agent/cli/verbs.hpp"
#include "agent/control/render_parts.hpp"
#include "agent/core/names.hpp"

namespace clusteragent::cli {
namespace {

int hand_over(const Context& context) {
  const auto module = find_module(context);
  if (!module) return fail(module.error());
  const auto answer =
      ask(context, *module,
          {{"request", "operate"}, {"verb", core::name_of(core::Verb::hand_over)}, {"asked_by", caller_name()}});
  if (!answer) return fail(answer.error());
  fmt::print("{}\n", control::text(*answer, "message"));
  return exit_success;
}

}  // namespace

void add_hand_over(const Program& program) {
  auto* verb = program.app.add_subcommand(
      "hand-over", "End the agent and leave everything running for its next life, which has restart_grace seconds");
  verb->callback([program] { program.exit_code = hand_over(program.context); });
}

}  // namespace clusteragent::cli
