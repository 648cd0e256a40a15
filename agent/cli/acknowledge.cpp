// `clusteragent acknowledge`: takes away the mark of a node that diverged (docs/data-safety.md).
#include <fmt/format.h>

#include "agent/cli/verbs.hpp"
#include "agent/control/render_parts.hpp"
#include "agent/core/names.hpp"

namespace clusteragent::cli {
namespace {

int acknowledge(const Context& context) {
  const auto module = find_module(context);
  if (!module) return fail(module.error());
  const auto answer =
      ask(context, *module,
          {{"request", "operate"}, {"verb", core::name_of(core::Verb::acknowledge)}, {"asked_by", caller_name()}});
  if (!answer) return fail(answer.error());
  fmt::print("{}\n", control::text(*answer, "message"));
  return exit_success;
}

}  // namespace

void add_acknowledge(const Program& program) {
  auto* verb = program.app.add_subcommand(
      "acknowledge", "Take the mark from this node, which was primary beside a newer one: its writes are dealt with");
  verb->callback([program] { program.exit_code = acknowledge(program.context); });
}

}  // namespace clusteragent::cli
