#include <fmt/format.h>

#include "agent/cli/verbs.hpp"

namespace clusteragent::cli {
namespace {

int print(const Context& context, const char* level, const std::vector<std::string>& words) {
  const auto module = find_module(context);
  if (!module) return fail(module.error());
  const auto answer = ask(context, *module,
                          {{"request", "print"}, {"level", level}, {"text", fmt::format("{}", fmt::join(words, " "))}});
  return answer ? static_cast<int>(exit_success) : fail(answer.error());
}

}  // namespace

void add_prints(const Program& program) {
  const auto add = [&program](const char* name, const char* level, const char* help) {
    auto* verb = program.app.add_subcommand(name, help);
    auto words = std::make_shared<std::vector<std::string>>();
    verb->add_option("TEXT", *words, "The message")->required();
    verb->callback([program, words, level] { program.exit_code = print(program.context, level, *words); });
  };
  add("printi", "I", "Write an information into the module's log");
  add("printw", "W", "Write a warning into the module's log");
  add("printe", "E", "Write an error into the module's log");
}

}  // namespace clusteragent::cli
