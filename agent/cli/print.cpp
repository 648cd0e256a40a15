#include "agent/cli/verbs.hpp"
#include "agent/control/client.hpp"

namespace clusteragent::cli {

void add_prints(const Program& program) {
  const auto add = [&program](const char* name, const char* level, const char* help) {
    auto* verb = program.app.add_subcommand(name, help);
    auto words = std::make_shared<std::vector<std::string>>();
    verb->add_option("TEXT", *words, "The message")->required();
    verb->callback([program, words, level] {
      const auto module = find_module(program.context);
      if (!module) {
        program.exit_code = fail(module.error());
        return;
      }
      std::string text;
      for (const std::string& word : *words) text += (text.empty() ? "" : " ") + word;
      const auto answer = control::request(program.context.paths.socket(*module), *module,
                                           {{"request", "print"}, {"level", level}, {"text", text}});
      if (!answer) program.exit_code = fail(answer.error());
    });
  };
  add("printi", "I", "Write an information into the module's log");
  add("printw", "W", "Write a warning into the module's log");
  add("printe", "E", "Write an error into the module's log");
}

}  // namespace clusteragent::cli
