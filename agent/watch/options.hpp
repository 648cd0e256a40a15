#pragma once
// What errd has to watch, and what it says of it. Plain values; the daemon maps <errd> and <proc> to them.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/time.hpp"
#include "agent/core/types.hpp"

namespace clusteragent::watch {

enum class Reaction : std::uint8_t { restart, stopstart, stop, noaction, handler };

struct ProcRule {
  std::string name;  // of the process or service; with name_regex only a label
  bool is_service = false;
  std::string name_regex;                     // POSIX ERE over the command's name; empty: none
  std::string arg_regex;                      // POSIX ERE over the whole command line; empty: none
  std::optional<std::uint32_t> at_least = 1;  // nullopt: never missing
  std::optional<std::uint32_t> at_max;        // acts when that many run, 0: when any does; nullopt: never
  Reaction reaction = Reaction::stopstart;
  std::string handler;  // program, when the reaction is a handler
  core::WatchClass watch_class = core::WatchClass::prim;
  std::uint32_t start_after = 0;  // n > 1: no verdict for (n - 1) polls after arming
};

struct CommandAnswer {
  bool is_success = false;  // ended in time with exit code 0
  std::string detail;       // why not
  std::string output;       // of a program of the system
};
/// Runs a program off the decision thread and answers on it, once, never from inside the call.
using RunCommand = std::function<void(std::vector<std::string> arguments, Duration limit, bool is_handler,
                                      std::function<void(const CommandAnswer&)> done)>;

struct Options {
  Duration poll = std::chrono::seconds{30};  // polltimer
  std::vector<ProcRule> rules;
  RunCommand run_command;  // needed for services and handlers
  Duration handler_limit = std::chrono::seconds{60};
};

/// One rule as `status` shows it. Ages are counted by the reader from the instants.
struct ProcReport {
  std::string name;
  core::WatchClass watch_class = core::WatchClass::prim;
  Reaction reaction = Reaction::stopstart;
  bool is_service = false;
  bool is_armed = false;
  std::optional<std::uint32_t> count;  // nullopt: not armed, or not looked at yet
  std::vector<int> pids;               // at most report_pids_max
  std::optional<Instant> armed_since;
  std::optional<Instant> checked_at;  // the last look, or the last death
  std::string last_problem;           // empty: none since it was armed
  std::optional<Instant> last_problem_at;
};
inline constexpr std::size_t report_pids_max = 8;

}  // namespace clusteragent::watch
