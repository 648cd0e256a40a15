#include "agent/data/filesync/store/exclusion.hpp"

#include <fmt/format.h>
#include <regex.h>

#include <algorithm>

namespace clusteragent::filesync {
namespace {

/// As the paths are written that it is compared with: no "./" before it, no "/" behind it.
std::string plain(std::string path) {
  while (path.starts_with("./")) path.erase(0, 2);
  while (!path.empty() && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

struct Exclusion::Rule {
  Rule() = default;
  ~Rule() {
    if (is_compiled) ::regfree(&regex);
  }
  Rule(const Rule&) = delete;
  Rule& operator=(const Rule&) = delete;

  bool matches(const std::string& name, bool is_folder) const {
    if (!is_compiled) return name == path;
    const bool is_found = ::regexec(&regex, name.c_str(), 0, nullptr, 0) == 0;
    return is_inverted ? !is_folder && !is_found : is_found;
  }

  std::string path;
  regex_t regex{};
  bool is_compiled = false;
  bool is_inverted = false;
};

Result<Exclusion> Exclusion::make(const std::vector<ExclusionRule>& rules) {
  Exclusion made;
  for (const ExclusionRule& wanted : rules) {
    auto rule = std::make_shared<Rule>();
    rule->path = plain(wanted.path);
    rule->is_inverted = wanted.is_inverted;
    if (!wanted.regex.empty()) {
      if (::regcomp(&rule->regex, wanted.regex.c_str(), REG_EXTENDED | REG_NOSUB) != 0)
        return Error{ErrorCode::configuration,
                     fmt::format("<notreplicated regexpath=\"{}\"> is no POSIX extended regular "
                                 "expression",
                                 wanted.regex)};
      rule->is_compiled = true;
    }
    made.rules_.push_back(std::move(rule));
  }
  return made;
}

bool Exclusion::is_named(const std::string& path, bool is_folder) const {
  return std::any_of(rules_.begin(), rules_.end(), [&](const auto& rule) { return rule->matches(path, is_folder); });
}

bool Exclusion::excludes(const std::string& path, bool is_folder) const {
  if (rules_.empty() || path.empty()) return false;
  for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    if (is_named(path.substr(0, slash), true)) return true;
  }
  return is_named(path, is_folder);
}

}  // namespace clusteragent::filesync
