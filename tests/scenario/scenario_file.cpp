#include "tests/scenario/scenario_file.hpp"

#include <fstream>
#include <sstream>

namespace clusteragent::scenario {
namespace {

constexpr const char* separator = "----";

bool is_head(const std::string& line) {
  return line.empty() || line.front() == '#';
}

/// Lines of one block; false at the end of the file.
bool read_block(std::istream& input, Block& block) {
  std::string line;
  enum class Part { head, commands, reaction } part = Part::head;
  while (std::getline(input, line)) {
    if (part == Part::head && !is_head(line)) {
      part = Part::commands;
    }
    if (part == Part::head) {
      block.head.push_back(line);
    } else if (part == Part::commands) {
      if (line == separator) {
        part = Part::reaction;
      } else {
        block.commands.push_back(line);
      }
    } else if (line.empty()) {
      return true;
    } else {
      block.reaction.push_back(line);
    }
  }
  return !block.commands.empty();
}

}  // namespace

Result<ScenarioFile> read_scenario(const std::string& path) {
  std::ifstream input{path};
  if (!input) {
    return Error{ErrorCode::system, path + " cannot be read"};
  }
  ScenarioFile file;
  for (Block block; read_block(input, block); block = {}) {
    file.blocks.push_back(std::move(block));
  }
  if (file.blocks.empty() || file.blocks[0].head.empty() || file.blocks[0].head[0].front() != '#') {
    return Error{ErrorCode::usage, path + " does not open with a comment that names its lesson"};
  }
  return file;
}

std::string render(const ScenarioFile& file) {
  std::ostringstream text;
  for (std::size_t index = 0; index < file.blocks.size(); index++) {
    const Block& block = file.blocks[index];
    for (const auto& line : block.head) {
      text << line << '\n';
    }
    for (const auto& line : block.commands) {
      text << line << '\n';
    }
    text << separator << '\n';
    for (const auto& line : block.reaction) {
      text << line << '\n';
    }
    if (index + 1 < file.blocks.size()) {
      text << '\n';
    }
  }
  return text.str();
}

Status write_scenario(const std::string& path, const ScenarioFile& file) {
  std::ofstream output{path, std::ios::trunc};
  output << render(file);
  output.flush();
  if (!output) {
    return Error{ErrorCode::system, path + " cannot be written"};
  }
  return success();
}

}  // namespace clusteragent::scenario
