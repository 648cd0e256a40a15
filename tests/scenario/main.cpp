// clusteragent-scenario [--rewrite] FILE...: lives through golden scenarios and compares what happened with what is
// written. Exit 0: the same; 1: different, shown line by line; 2: a scenario that cannot be read.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/scenario/scenario_file.hpp"
#include "tests/scenario/stage.hpp"

namespace {

namespace sc = clusteragent::scenario;

void show_difference(const std::string& path, const sc::Block& written, const std::vector<std::string>& happened) {
  fmt::print("{}: after `{}`\n", path, written.commands.back());
  std::size_t same = 0;
  while (same < written.reaction.size() && same < happened.size() && written.reaction[same] == happened[same]) {
    fmt::print("    {}\n", written.reaction[same++]);
  }
  for (std::size_t line = same; line < written.reaction.size(); line++) {
    fmt::print("  - {}\n", written.reaction[line]);
  }
  for (std::size_t line = same; line < happened.size(); line++) {
    fmt::print("  + {}\n", happened[line]);
  }
}

int live_through(const std::string& path, bool rewrites) {
  auto file = sc::read_scenario(path);
  if (!file) {
    fmt::print(stderr, "clusteragent-scenario: {}\n", file.error().message);
    return 2;
  }
  sc::Stage stage;
  bool is_same = true;
  for (sc::Block& block : file->blocks) {
    for (const std::string& command : block.commands) {
      if (const auto done = stage.carry_out(command); !done) {
        fmt::print(stderr, "clusteragent-scenario: {}: `{}`: {}\n", path, command, done.error().message);
        return 2;
      }
    }
    const auto happened = stage.take_reaction();
    if (happened != block.reaction && !rewrites && is_same) {
      show_difference(path, block, happened);
      is_same = false;
    }
    block.reaction = happened;
  }
  if (rewrites) {
    if (const auto done = sc::write_scenario(path, *file); !done) {
      fmt::print(stderr, "clusteragent-scenario: {}\n", done.error().message);
      return 2;
    }
  }
  if (!is_same) {
    fmt::print("If the change is meant and you can explain every line of it: clusteragent-scenario --rewrite {}\n",
               path);
  }
  return is_same ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  bool rewrites = false;
  std::vector<std::string> paths;
  for (int index = 1; index < argc; index++) {
    const std::string argument = argv[index];
    if (argument == "--rewrite") {
      rewrites = true;
    } else {
      paths.push_back(argument);
    }
  }
  if (paths.empty()) {
    fmt::print(stderr, "usage: clusteragent-scenario [--rewrite] FILE...\n");
    return 2;
  }
  int worst = 0;
  for (const std::string& path : paths) {
    worst = std::max(worst, live_through(path, rewrites));
  }
  return worst;
}
