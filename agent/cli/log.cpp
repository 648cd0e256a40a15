#include <fmt/format.h>

#include <deque>
#include <fstream>
#include <thread>

#include "agent/cli/verbs.hpp"

namespace clusteragent::cli {
namespace {

struct Wishes {
  int lines = 300;
  bool follows = false;
};

int show(const Context& context, const Wishes& wishes) {
  const auto module = find_module(context);
  if (!module) return fail(module.error());
  const std::string path = context.paths.log_file(*module);
  std::ifstream file{path};
  if (!file) return fail({ErrorCode::unreachable, fmt::format("cannot read {}; has the module ever run here?", path)});
  std::deque<std::string> newest;
  std::string line;
  while (std::getline(file, line)) {
    newest.push_back(line);
    if (newest.size() > static_cast<std::size_t>(wishes.lines)) newest.pop_front();
  }
  for (const std::string& shown : newest) fmt::print("{}\n", shown);
  std::fflush(stdout);
  while (wishes.follows) {
    file.clear();
    const auto position = file.tellg();
    file.seekg(0, std::ios::end);
    // A file that shrank was rotated: the new one is read from its start.
    const bool was_rotated = file.tellg() < position;
    if (was_rotated) {
      file.close();
      file.open(path);
    } else {
      file.seekg(position);
    }
    while (std::getline(file, line)) fmt::print("{}\n", line);
    std::fflush(stdout);
    std::this_thread::sleep_for(std::chrono::milliseconds{200});
  }
  return exit_success;
}

}  // namespace

void add_log(const Program& program) {
  auto* verb = program.app.add_subcommand("log", "Show the module's log");
  auto wishes = std::make_shared<Wishes>();
  verb->add_option("-n,--lines", wishes->lines, "Newest lines")->check(CLI::Range(1, 1000000));
  verb->add_flag("-f,--follow", wishes->follows, "Go on as it grows");
  verb->callback([program, wishes] { program.exit_code = show(program.context, *wishes); });
}

}  // namespace clusteragent::cli
