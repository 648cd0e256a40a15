#include "agent/watch/process_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <system_error>

#include "agent/base/log.hpp"
#include "agent/platform/clock.hpp"
#include "agent/watch/judge.hpp"
#include "agent/watch/scanner.hpp"
#include "agent/watch/service_state.hpp"

namespace clusteragent::watch {
namespace {

using boost::system::error_code;
using core::WatchClass;
using std::chrono::milliseconds;

// A near look takes about a millisecond. One that does not come back (the scanner hangs in /proc) must not hide a
// death.
constexpr milliseconds near_look_max{50};
// systemd answers within milliseconds; a manager that is reloading its units takes seconds.
constexpr std::chrono::seconds query_limit{10};
// systemd learns of a death as we do, and may still name the dead process when it is asked at once.
constexpr int stale_answers_max = 10;
constexpr milliseconds ask_again_after{10};
constexpr std::size_t problem_bytes_max = 512;

core::FailureAction action_of(Reaction reaction) {
  if (reaction == Reaction::restart) return core::FailureAction::restart;
  return reaction == Reaction::stop ? core::FailureAction::stop : core::FailureAction::stopstart;
}

struct Tracked {
  int pid;
  std::uint64_t start_time;
  Neighbourhood near;
  boost::asio::posix::stream_descriptor pidfd;
};

}  // namespace

/// One <proc> while it is armed and what is remembered of it.
struct Rule {
  Rule(ProcRule what, Duration poll) : config{std::move(what)}, judge{config, poll} {}

  std::uint32_t count() const { return static_cast<std::uint32_t>(tracked.size()) + beyond; }

  ProcRule config;
  Judge judge;
  std::uint64_t arming = 0;  // grows by one an arming: what belongs to an earlier one is dropped
  std::vector<Tracked> tracked;
  std::uint32_t beyond = 0;  // found, but not tracked
  std::optional<Instant> checked_at;
  bool is_handled = false;  // its handler is at work
  bool is_asked = false;    // systemctl is under way
  int stale_answers = 0;
  std::string last_death;  // for the report: "mysqld (4711) died"
  std::string last_problem;
  std::optional<Instant> last_problem_at;
  std::string unknown_because;  // logged when it changes
};

struct ProcessWatch::Impl : std::enable_shared_from_this<Impl> {
  Impl(boost::asio::io_context& io, Options what, core::EventSink where)
      : context{io}, options{std::move(what)}, sink{std::move(where)}, poll_timer{io}, near_timer{io} {
    for (const ProcRule& rule : options.rules) rules.emplace_back(rule, options.poll);
  }

  void arm(WatchClass watch_class);
  void disarm(WatchClass watch_class);
  void arm_poll_timer();
  void poll();
  void start_next_look();
  void take(Findings findings);
  void take_rule(std::size_t index, std::vector<FoundProcess> found, std::uint32_t beyond, bool is_whole);
  void track(std::size_t index, FoundProcess process);
  void on_death(std::size_t index, std::uint64_t arming, int pid, std::uint64_t start_time);
  void await_near_look(std::size_t index);
  void ask_service(std::size_t index, int dead_pid);
  void take_service(std::size_t index, int dead_pid, const CommandAnswer& answer);
  void ask_service_later(std::size_t index, int dead_pid);
  void judge(std::size_t index);
  void report_problem(std::size_t index, std::string detail);
  void call_handler(std::size_t index, const std::string& detail);
  void unknown(Rule& rule, const std::string& because);

  /// Wraps a completion so that it is dropped when the watch is gone or the rule was disarmed meanwhile.
  template <typename Work>
  auto while_armed(std::size_t index, Work work) {
    return
        [weak = weak_from_this(), index, arming = rules[index].arming, work = std::move(work)](const auto&... given) {
          const auto impl = weak.lock();
          if (!impl || impl->rules[index].arming != arming || !impl->rules[index].judge.is_armed()) return;
          work(*impl, given...);
        };
  }

  boost::asio::io_context& context;
  const Options options;
  core::EventSink sink;
  std::vector<Rule> rules;
  std::unique_ptr<Scanner> scanner;
  boost::asio::steady_timer poll_timer;
  boost::asio::steady_timer near_timer;
  bool whole_look_wanted = false;
  std::map<std::size_t, std::uint64_t> looked_for;    // by rule: the arming that the look under way serves
  std::map<std::size_t, Neighbourhood> near_wanted;   // by rule: at most one each
  std::map<std::size_t, std::uint64_t> near_awaited;  // by rule: the arming that waits for its answer
};

void ProcessWatch::Impl::arm(WatchClass watch_class) {
  const Instant now = platform::boottime_now();
  for (std::size_t i = 0; i < rules.size(); ++i) {
    Rule& rule = rules[i];
    if (rule.config.watch_class != watch_class || rule.judge.is_armed()) continue;
    ++rule.arming;
    rule.judge.arm(now);
    rule.checked_at.reset();
    rule.last_problem.clear();
    rule.last_problem_at.reset();
    rule.is_handled = rule.is_asked = false;
    rule.last_death.clear();
    if (rule.config.is_service) {
      ask_service(i, 0);
    } else {
      whole_look_wanted = true;
    }
  }
  arm_poll_timer();
  start_next_look();
}

void ProcessWatch::Impl::disarm(WatchClass watch_class) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    Rule& rule = rules[i];
    if (rule.config.watch_class != watch_class) continue;
    rule.judge.disarm();
    rule.tracked.clear();
    rule.beyond = 0;
    near_wanted.erase(i);
    near_awaited.erase(i);
  }
  const bool is_any_armed = std::any_of(rules.begin(), rules.end(), [](const Rule& r) { return r.judge.is_armed(); });
  if (!is_any_armed) poll_timer.cancel();
}

void ProcessWatch::Impl::arm_poll_timer() {
  poll_timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(options.poll));
  poll_timer.async_wait([weak = weak_from_this()](const error_code& problem) {
    if (const auto impl = weak.lock(); impl && !problem) impl->poll();
  });
}

void ProcessWatch::Impl::poll() {
  bool is_any_armed = false;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    Rule& rule = rules[i];
    if (!rule.judge.is_armed()) continue;
    is_any_armed = true;
    if (rule.config.is_service) {
      ask_service(i, 0);
    } else {
      if (whole_look_wanted)
        unknown(rule, "/proc has not answered for a polltimer (a process that hangs in the kernel?)");
    }
  }
  if (!is_any_armed) return;
  whole_look_wanted = true;
  start_next_look();
  arm_poll_timer();
}

void ProcessWatch::Impl::start_next_look() {
  if (scanner->is_busy()) return;
  // A death comes first: a whole look takes longer and can wait.
  if (!near_wanted.empty()) {
    const auto wanted = near_wanted.extract(near_wanted.begin());
    looked_for = {{wanted.key(), rules[wanted.key()].arming}};
    scanner->start(Look{{wanted.key()}, wanted.mapped()});
    return;
  }
  if (!whole_look_wanted) return;
  whole_look_wanted = false;
  looked_for.clear();
  Look look;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (!rules[i].judge.is_armed() || rules[i].config.is_service) continue;
    look.rules.push_back(i);
    looked_for[i] = rules[i].arming;
  }
  if (!look.rules.empty()) scanner->start(std::move(look));
}

void ProcessWatch::Impl::take(Findings findings) {
  const bool is_whole = !findings.look.near.has_value();
  for (std::size_t i = 0; i < findings.look.rules.size(); ++i) {
    take_rule(findings.look.rules[i], std::move(findings.found[i]), findings.beyond[i], is_whole);
  }
  start_next_look();
}

void ProcessWatch::Impl::take_rule(std::size_t index, std::vector<FoundProcess> found, std::uint32_t beyond,
                                   bool is_whole) {
  Rule& rule = rules[index];
  // What was seen before the class was armed again belongs to the application's former life.
  if (!rule.judge.is_armed() || looked_for[index] != rule.arming) return;
  for (FoundProcess& process : found) {
    const bool is_known = std::any_of(rule.tracked.begin(), rule.tracked.end(), [&process](const Tracked& tracked) {
      return tracked.pid == process.pid && tracked.start_time == process.start_time;
    });
    if (is_known) continue;
    if (rule.tracked.size() < tracked_max) {
      track(index, std::move(process));
    } else if (is_whole) {
      ++beyond;
    }
  }
  if (is_whole) {
    rule.beyond = beyond;
    rule.unknown_because.clear();
  } else {
    near_awaited.erase(index);
    if (near_awaited.empty()) near_timer.cancel();
  }
  rule.checked_at = platform::boottime_now();
  judge(index);
}

void ProcessWatch::Impl::track(std::size_t index, FoundProcess process) {
  Rule& rule = rules[index];
  rule.tracked.push_back(Tracked{process.pid, process.start_time, process.near,
                                 boost::asio::posix::stream_descriptor{context, process.pidfd.release()}});
  const auto wait = boost::asio::posix::stream_descriptor::wait_read;
  rule.tracked.back().pidfd.async_wait(wait, while_armed(index, [index, pid = process.pid, start = process.start_time](
                                                                    Impl& impl, const error_code& problem) {
                                         if (!problem) impl.on_death(index, impl.rules[index].arming, pid, start);
                                       }));
}

void ProcessWatch::Impl::on_death(std::size_t index, std::uint64_t arming, int pid, std::uint64_t start_time) {
  Rule& rule = rules[index];
  const auto dead = std::find_if(rule.tracked.begin(), rule.tracked.end(), [&](const Tracked& tracked) {
    return tracked.pid == pid && tracked.start_time == start_time;
  });
  if (dead == rule.tracked.end() || rule.arming != arming) return;
  const Neighbourhood near = dead->near;
  rule.tracked.erase(dead);
  rule.checked_at = platform::boottime_now();
  rule.last_death = fmt::format("process {} died", pid);
  if (rule.config.is_service) {
    rule.stale_answers = 0;
    ask_service(index, pid);
    return;
  }
  if (!rule.judge.is_too_few(rule.count())) return;
  near_wanted[index] = near;
  await_near_look(index);
  start_next_look();
}

void ProcessWatch::Impl::await_near_look(std::size_t index) {
  const bool is_waiting = !near_awaited.empty();
  near_awaited[index] = rules[index].arming;
  if (is_waiting) return;  // deaths that follow each other must not put the end off
  near_timer.expires_after(near_look_max);
  near_timer.async_wait([weak = weak_from_this()](const error_code& problem) {
    const auto impl = weak.lock();
    if (!impl || problem) return;
    const auto awaited = std::exchange(impl->near_awaited, {});
    impl->near_wanted.clear();
    for (const auto& [late, arming] : awaited) {
      if (impl->rules[late].arming == arming) impl->judge(late);
    }
  });
}

void ProcessWatch::Impl::ask_service(std::size_t index, int dead_pid) {
  Rule& rule = rules[index];
  if (rule.is_asked && dead_pid == 0) return;
  rule.is_asked = true;
  options.run_command(service_query(rule.config.name), query_limit, false,
                      while_armed(index, [index, dead_pid](Impl& impl, const CommandAnswer& answer) {
                        impl.take_service(index, dead_pid, answer);
                      }));
}

void ProcessWatch::Impl::ask_service_later(std::size_t index, int dead_pid) {
  const auto timer = std::make_shared<boost::asio::steady_timer>(context, ask_again_after);
  timer->async_wait(while_armed(
      index, [index, dead_pid, timer](Impl& impl, const error_code&) { impl.ask_service(index, dead_pid); }));
}

void ProcessWatch::Impl::take_service(std::size_t index, int dead_pid, const CommandAnswer& answer) {
  Rule& rule = rules[index];
  rule.is_asked = false;
  const ServiceState state = parse_service_state(answer.output);
  if (!answer.is_success || state.active.empty()) {
    unknown(rule, fmt::format("systemctl does not say how the service is: {}", answer.detail));
    return;
  }
  if (dead_pid != 0 && state.main_pid == dead_pid && ++rule.stale_answers < stale_answers_max) {
    ask_service_later(index, dead_pid);
    return;
  }
  rule.unknown_because.clear();
  rule.checked_at = platform::boottime_now();
  const bool is_running = state.is_running() && (dead_pid == 0 || state.main_pid != dead_pid);
  const bool is_known = !rule.tracked.empty() && rule.tracked.front().pid == state.main_pid;
  if (!is_running || !is_known) rule.tracked.clear();
  rule.beyond = 0;
  if (is_running && !is_known) {
    PidFd pidfd = state.main_pid > 0 ? open_pidfd(state.main_pid) : PidFd{};
    // A service without a main process (oneshot, an old forking daemon) is watched by asking only.
    if (pidfd)
      track(index, FoundProcess{state.main_pid, 0, {}, std::move(pidfd)});
    else
      rule.beyond = 1;
  }
  if (!is_running) rule.last_death = fmt::format("systemd says {} ({})", state.active, state.sub);
  judge(index);
}

void ProcessWatch::Impl::unknown(Rule& rule, const std::string& because) {
  if (rule.unknown_because == because) return;
  rule.unknown_because = because;
  rule.last_problem = because.substr(0, problem_bytes_max);
  rule.last_problem_at = platform::boottime_now();
  log::critical("errd", "{} {}: {}; nothing is done about it", rule.config.is_service ? "Service" : "Process",
                rule.config.name, because);
}

void ProcessWatch::Impl::judge(std::size_t index) {
  Rule& rule = rules[index];
  if (rule.is_handled) return;
  const std::uint32_t count = rule.count();
  const Verdict verdict = rule.judge.judge(platform::boottime_now(), count);
  if (verdict == Verdict::fine) return;
  const char* kind = rule.config.is_service ? "Service" : "Process";
  std::string detail;
  if (verdict == Verdict::excess) {
    detail = fmt::format("{} {} runs {} times (atmax={})", kind, rule.config.name, count, *rule.config.at_max);
  } else if (count == 0) {
    detail = fmt::format("{} {} not running", kind, rule.config.name);
  } else {
    detail = fmt::format("{} {} runs {} times only (atleast={})", kind, rule.config.name, count, *rule.config.at_least);
  }
  if (verdict == Verdict::missing && !rule.last_death.empty()) detail += fmt::format(" ({})", rule.last_death);
  report_problem(index, std::move(detail));
}

void ProcessWatch::Impl::report_problem(std::size_t index, std::string detail) {
  Rule& rule = rules[index];
  const bool is_news = rule.last_problem != detail;
  rule.last_problem = detail;
  rule.last_problem_at = platform::boottime_now();
  switch (rule.config.reaction) {
    case Reaction::noaction:
      // Said once for as long as it stays the same; the report goes on showing it.
      if (is_news) log::critical("errd", "{}; action=\"noaction\"", detail);
      return;
    case Reaction::handler:
      call_handler(index, detail);
      return;
    default:
      sink(core::ProcessFailed{rule.config.name, action_of(rule.config.reaction), std::move(detail)});
  }
}

void ProcessWatch::Impl::call_handler(std::size_t index, const std::string& detail) {
  Rule& rule = rules[index];
  rule.is_handled = true;
  log::event("errd", "{}; calling {}", detail, rule.config.handler);
  options.run_command({rule.config.handler, rule.config.name}, options.handler_limit, true,
                      while_armed(index, [index, detail](Impl& impl, const CommandAnswer& answer) {
                        Rule& handled = impl.rules[index];
                        handled.is_handled = false;
                        if (answer.is_success) {
                          log::info("errd", "{}: {} has dealt with it", detail, handled.config.handler);
                          return;
                        }
                        impl.sink(core::ProcessFailed{
                            handled.config.name, core::FailureAction::stopstart,
                            fmt::format("{}; its handler {}: {}", detail, handled.config.handler, answer.detail)});
                      }));
}

ProcessWatch::ProcessWatch(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}
ProcessWatch::~ProcessWatch() = default;

Result<std::unique_ptr<ProcessWatch>> ProcessWatch::create(boost::asio::io_context& context, Options options,
                                                           core::EventSink sink) {
  std::vector<Matcher> matchers;
  for (const ProcRule& rule : options.rules) {
    Result<Matcher> matcher = Matcher::compile(rule);
    if (!matcher.ok()) return matcher.error();
    matchers.push_back(std::move(matcher).value());
    CLUSTERAGENT_ASSERT(options.run_command || (!rule.is_service && rule.reaction != Reaction::handler));
  }
  auto impl = std::make_shared<Impl>(context, std::move(options), std::move(sink));
  const std::weak_ptr weak{impl};
  try {
    impl->scanner = std::make_unique<Scanner>(context, std::move(matchers), [weak](Findings findings) {
      if (const auto alive = weak.lock()) alive->take(std::move(findings));
    });
  } catch (const std::system_error& problem) {
    return Error{ErrorCode::system, fmt::format("errd: no thread can be had: {}", problem.what())};
  }
  return std::unique_ptr<ProcessWatch>{new ProcessWatch{std::move(impl)}};
}

void ProcessWatch::arm(WatchClass watch_class) {
  impl_->arm(watch_class);
}
void ProcessWatch::disarm(WatchClass watch_class) {
  impl_->disarm(watch_class);
}

std::vector<ProcReport> ProcessWatch::report() const {
  std::vector<ProcReport> reports;
  for (const Rule& rule : impl_->rules) {
    ProcReport report;
    report.name = rule.config.name;
    report.watch_class = rule.config.watch_class;
    report.reaction = rule.config.reaction;
    report.is_service = rule.config.is_service;
    report.is_armed = rule.judge.is_armed();
    report.armed_since = rule.judge.armed_at();
    if (report.is_armed && rule.checked_at) report.count = rule.count();
    for (const Tracked& tracked : rule.tracked) {
      if (report.pids.size() < report_pids_max) report.pids.push_back(tracked.pid);
    }
    report.checked_at = rule.checked_at;
    report.last_problem = rule.last_problem;
    report.last_problem_at = rule.last_problem_at;
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace clusteragent::watch
