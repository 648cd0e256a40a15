#pragma once
// The shapes of text values: what a label, a path, a pattern or a reaction may look like.
//
// Ownership: values. Threads: any. Errors: a Fault that completes the sentence `<element attribute="..."> ...`.
#include <optional>
#include <string>
#include <string_view>

#include "agent/config/table.hpp"

namespace clusteragent::config {

struct Fault {
  std::string what;
  std::string nearest{};
};

/// nullopt: the text has the shape that the type asks for. `text` is not empty.
std::optional<Fault> find_fault(Type type, std::string_view text);
/// What the type allows, for people; empty: anything.
std::string_view describe_syntax(Type type);

/// An absolute path of Linux or of Windows (drive letter); configurations for both are checked on either.
bool is_absolute_path(std::string_view text);
/// One of the four words of errd; anything else is a handler's path.
bool is_reaction_word(std::string_view text);

}  // namespace clusteragent::config
