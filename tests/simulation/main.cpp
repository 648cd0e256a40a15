// clusteragent-sim: lives through seeds and says whether the rules held. Exit 0: they did, or with --expect one of the
// named rules was broken; 1: the contrary; 2: usage.
#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <string_view>

#include "tests/simulation/runner.hpp"
#include "tests/simulation/swarm.hpp"

namespace {

namespace sim = clusteragent::simulation;

struct Options {
  std::string seeds = "1..200";
  std::string profile = "mixed";
  std::string variant = "none";
  double until_seconds = 0;
  bool is_traced = false;
  bool prints_report = false;
  bool needs_coverage = false;
  std::string expected_rules;
  bool runs_twice = false;
  bool keeps_going = false;
};

struct Range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

bool parse_range(const std::string& text, Range& range) {
  char* end = nullptr;
  range.first = range.last = std::strtoull(text.c_str(), &end, 10);
  if (end != text.c_str() && std::string_view{end}.substr(0, 2) == "..") {
    const char* second = end + 2;
    range.last = std::strtoull(second, &end, 10);
    return end != second && *end == '\0' && range.first <= range.last;
  }
  return end != text.c_str() && *end == '\0';
}

sim::RunOptions run_options(const Options& options, std::uint64_t seed, sim::TraceMode mode) {
  sim::RunOptions run;
  run.seed = seed;
  run.profile = options.profile;
  run.variant = *sim::variant_named(options.variant);
  run.trace = mode;
  if (options.until_seconds > 0) {
    run.until =
        std::chrono::duration_cast<clusteragent::Duration>(std::chrono::duration<double>{options.until_seconds});
  }
  return run;
}

std::string replay_command(const Options& options, std::uint64_t seed) {
  return fmt::format("clusteragent-sim --seed {} --profile {}{}{} --trace", seed, options.profile,
                     options.variant == "none" ? "" : " --variant " + options.variant,
                     options.until_seconds > 0 ? fmt::format(" --until {}", options.until_seconds) : "");
}

void print_lines(const std::deque<std::string>& lines) {
  constexpr std::size_t lines_shown_max = 80;
  const std::size_t skipped = lines.size() > lines_shown_max ? lines.size() - lines_shown_max : 0;
  for (std::size_t line = skipped; line < lines.size(); line++) {
    fmt::print("{}\n", lines[line]);
  }
}

// An assertion of the core ends the process. The seed is run again with its story kept, so that the next abort can tell
// it; abort is raised by this very thread, so nothing is interrupted in the middle.
std::string running_seed_text;
std::string running_profile;
std::string running_variant;
bool is_second_abort = false;

void on_abort(int) {
  if (is_second_abort) {
    if (sim::trace_of_running_world() != nullptr) {
      print_lines(sim::trace_of_running_world()->last_lines());
    }
    fmt::print("seed {} FAILED: an assertion of the core; profile {}\n", running_seed_text, running_profile);
    std::fflush(stdout);
    _exit(1);
  }
  is_second_abort = true;
  sigset_t abort_only;
  sigemptyset(&abort_only);
  sigaddset(&abort_only, SIGABRT);
  sigprocmask(SIG_UNBLOCK, &abort_only, nullptr);
  Options again;
  again.profile = running_profile;
  again.variant = running_variant;
  sim::run_seed(run_options(again, std::strtoull(running_seed_text.c_str(), nullptr, 10), sim::TraceMode::ring));
  fmt::print("seed {} FAILED: an assertion that did not come again\n", running_seed_text);
  std::fflush(stdout);
  _exit(1);
}

void report_failure(const Options& options, std::uint64_t seed, const sim::Violation& violation) {
  std::deque<std::string> lines;
  sim::run_seed(run_options(options, seed, sim::TraceMode::ring), &lines);
  print_lines(lines);
  fmt::print("seed {} FAILED at {:.6f} s: {}: {}\nreplay: {}\n", seed, static_cast<double>(violation.at.count()) / 1e9,
             violation.rule, violation.text, replay_command(options, seed));
}

bool is_expected(const Options& options, std::string_view rule) {
  std::string_view left = options.expected_rules;
  while (!left.empty()) {
    const std::string_view one = left.substr(0, left.find(','));
    if (one == rule) {
      return true;
    }
    left.remove_prefix(std::min(left.size(), one.size() + 1));
  }
  return false;
}

int run_range(const Options& options, const Range& range) {
  sim::Report report;
  std::uint64_t failures = 0;
  for (std::uint64_t seed = range.first; seed <= range.last; seed++) {
    running_seed_text = std::to_string(seed);
    const auto mode = options.is_traced ? sim::TraceMode::live : sim::TraceMode::hash_only;
    const sim::RunResult result = sim::run_seed(run_options(options, seed, mode));
    if (options.runs_twice && sim::run_seed(run_options(options, seed, sim::TraceMode::ring)).hash != result.hash) {
      fmt::print("seed {} FAILED: two runs of it differ\n", seed);
      return 1;
    }
    if (options.is_traced) {
      fmt::print("hash {:016x}\n", result.hash);
    }
    report.add(result.figures);
    if (!result.violation) {
      continue;
    }
    if (!options.expected_rules.empty()) {
      if (!is_expected(options, result.violation->rule)) {
        continue;
      }
      fmt::print("variant {} is caught by seed {}: {}: {}\n", options.variant, seed, result.violation->rule,
                 result.violation->text);
      return 0;
    }
    if (!options.keeps_going) {
      report_failure(options, seed, *result.violation);
      return 1;
    }
    failures++;
    fmt::print("seed {} ({}) FAILED: {}: {}\n", seed, result.figures.profile, result.violation->rule,
               result.violation->text);
  }
  if (options.prints_report) {
    report.print();
  }
  if (!options.expected_rules.empty()) {
    fmt::print("variant {} FAILED to break {} in seeds {}..{}\n", options.variant, options.expected_rules, range.first,
               range.last);
    return 1;
  }
  const auto gaps = report.missing(options.needs_coverage);
  for (const std::string& gap : gaps) {
    fmt::print("nothing shown: {}\n", gap);
  }
  fmt::print("seeds {}..{}, profile {}: {}\n", range.first, range.last, options.profile,
             failures > 0   ? fmt::format("{} seeds FAILED", failures)
             : gaps.empty() ? "no violation"
                            : "FAILED to show what was promised");
  return gaps.empty() && failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Deterministic simulation of two clusteragent nodes"};
  std::string profile_help = "mixed";
  for (const sim::Profile& profile : sim::profiles()) {
    profile_help += fmt::format("; {}: {}", profile.name, profile.promise);
  }
  app.add_option("--seed,--seeds", options.seeds, "N or A..B");
  app.add_option("--profile", options.profile, profile_help);
  app.add_option("--variant", options.variant, "run with one protection taken away");
  app.add_option("--until", options.until_seconds, "seconds with faults, at most");
  app.add_flag("--trace", options.is_traced, "print every event and action");
  app.add_flag("--report", options.prints_report, "print what the seeds have shown");
  app.add_flag("--require-coverage", options.needs_coverage, "fail if a fault kind or a transition row is never seen");
  app.add_option("--expect", options.expected_rules,
                 "succeed once one of these rules is broken (S1,S2,...), else fail");
  app.add_flag("--keep-going", options.keeps_going, "name every failing seed instead of telling the first one's story");
  app.add_flag("--twice", options.runs_twice, "run each seed twice and compare the hashes of their traces");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  Range range;
  if (!parse_range(options.seeds, range) || !sim::is_profile(options.profile) || !sim::variant_named(options.variant)) {
    fmt::print(stderr, "clusteragent-sim: no such seeds, profile or variant; see --help\n");
    return 2;
  }
  running_profile = options.profile;
  running_variant = options.variant;
  std::signal(SIGABRT, on_abort);
  return run_range(options, range);
}
