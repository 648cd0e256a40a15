#include <fmt/format.h>

#include <thread>

#include "agent/cli/log_reader.hpp"
#include "agent/cli/verbs.hpp"

namespace clusteragent::cli {
namespace {

constexpr auto look_again = std::chrono::milliseconds{200};

struct Wishes {
  int lines = 300;
  bool follows = false;
};

int show(const Context& context, const Wishes& wishes) {
  const auto module = find_module(context);
  if (!module) return fail(module.error());
  LogReader reader{context.paths.log_file(*module)};
  const auto lines = reader.last_lines(static_cast<std::size_t>(wishes.lines));
  if (!lines) return fail(lines.error());
  for (const std::string& line : *lines) fmt::print("{}\n", line);
  while (wishes.follows) {
    fmt::print("{}", reader.read_on());
    if (std::fflush(stdout) != 0) return exit_failure;  // nobody reads any more
    std::this_thread::sleep_for(look_again);
  }
  return exit_success;
}

}  // namespace

void add_log(const Program& program) {
  auto* verb = program.app.add_subcommand("log", "Show the module's log, also when its agent does not run");
  auto wishes = std::make_shared<Wishes>();
  verb->add_option("-n,--lines", wishes->lines, "Newest lines")->check(CLI::Range(1, 1000000))->capture_default_str();
  verb->add_flag("-f,--follow", wishes->follows, "Go on as it grows");
  verb->callback([program, wishes] { program.exit_code = show(program.context, *wishes); });
}

}  // namespace clusteragent::cli
