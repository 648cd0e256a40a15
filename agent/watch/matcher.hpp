#pragma once
// Which processes a rule means.
//
// The kernel keeps 15 characters of a command's name (comm, proc(5)); SafeKit compares with nothing else. Here a longer
// name is completed from the executable's file name or from the first arguments (argv[1] for a script, whose argv[0] is
// its interpreter). A short name matches comm or the executable's file name, so that a program that renames itself is
// still found.
// Pure over ProcessFacts; compile once, then any one thread at a time.
#include <regex.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/watch/options.hpp"

namespace clusteragent::watch {

/// What is known of a process; read when asked for, because reading a command line takes the process's memory lock.
class ProcessFacts {
 public:
  virtual ~ProcessFacts() = default;
  virtual const std::string& comm() = 0;
  virtual const std::string& exe() = 0;                     // file name of the executable, no directory; may be empty
  virtual const std::vector<std::string>& arguments() = 0;  // of the command line; empty for kernel threads
};

class Matcher {
 public:
  /// Fails with the rule's name, the attribute and the library's reason when an expression is wrong.
  static Result<Matcher> compile(const ProcRule& rule);
  bool matches(ProcessFacts& process) const;

 private:
  struct RegexFree {
    void operator()(regex_t* expression) const;
  };
  using Regex = std::unique_ptr<regex_t, RegexFree>;

  static Result<Regex> compile_regex(const ProcRule& rule, const char* attribute, const std::string& text);
  bool matches_name(ProcessFacts& process) const;

  std::string name_;
  Regex name_regex_;
  Regex arg_regex_;
};

/// The command's name in full length as far as it can be known.
std::string full_name(ProcessFacts& process);
/// What follows the last slash.
std::string_view file_name(std::string_view path);

}  // namespace clusteragent::watch
