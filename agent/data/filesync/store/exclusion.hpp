#pragma once
// Exclusion: what of a replicated directory each node keeps for itself (<notreplicated>). Decides by the path alone, so
// both nodes come to the same answer. Pure.
//
// Ownership: of the compiled expressions. Threads: any, once made. Errors: make() names an expression that is none.
#include <memory>
#include <string>
#include <vector>

#include "agent/base/result.hpp"

namespace clusteragent::filesync {

struct ExclusionRule {
  std::string path;   // either this: a file, or a folder with all below it
  std::string regex;  // or this: POSIX extended, searched in the path
  bool is_inverted = false;
};

class Exclusion {
 public:
  static Result<Exclusion> make(const std::vector<ExclusionRule>& rules);

  bool is_empty() const { return rules_.empty(); }
  /// `path` is relative to the directory. What lies in an excluded folder is excluded. An inverted rule leaves folders
  /// in: what it wants may lie below them.
  bool excludes(const std::string& path, bool is_folder) const;

 private:
  struct Rule;
  bool is_named(const std::string& path, bool is_folder) const;

  std::vector<std::shared_ptr<const Rule>> rules_;
};

/// A backing directory and what of it is not replicated; both outlive whoever is given them.
struct Directory {
  int root = -1;
  const Exclusion* exclusion = nullptr;
};

}  // namespace clusteragent::filesync
