#pragma once
// A golden scenario: a lesson, then blocks of commands, each followed by what the cluster did. The text is the
// specification; a rewrite that nobody can explain is a bug. Pure parsing, no I/O beyond the one file.
#include <string>
#include <vector>

#include "agent/base/result.hpp"

namespace clusteragent::scenario {

struct Block {
  std::vector<std::string> head;  // comments and blank lines before the commands, kept as they are
  std::vector<std::string> commands;
  std::vector<std::string> reaction;
};

struct ScenarioFile {
  std::vector<Block> blocks;
};

/// Refuses a file that does not open with a comment: the lesson is not optional.
Result<ScenarioFile> read_scenario(const std::string& path);
std::string render(const ScenarioFile& file);
Status write_scenario(const std::string& path, const ScenarioFile& file);

}  // namespace clusteragent::scenario
