#include "agent/hooks/script_runner.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "agent/base/log.hpp"
#include "agent/core/names.hpp"
#include "agent/hooks/environment.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::hooks {
namespace {

using core::Outcome;
using core::ScriptKind;
using std::chrono::seconds;

// The core runs one script at a time, errd a handler a rule; the rest is room for runs that hang on a disk.
constexpr std::size_t threads_max = 32;
// After the limit the run's thread has to kill and to wait for the death; beyond that it hangs itself.
constexpr Duration answer_grace = death_grace + seconds{1};
// After the program's end: what clears the service classes and reads the last lines.
constexpr Duration clear_grace = settle_max + 4 * kill_left_max + seconds{2};

constexpr std::array service_classes{std::string_view{"sec"}, std::string_view{"prim"}, std::string_view{"second"},
                                     std::string_view{"both"}};
constexpr std::array program_directories{"/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/"};

std::vector<std::string> own_environment() {
  std::vector<std::string> entries;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) entries.emplace_back(*entry);
  return entries;
}

bool is_file(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

std::string find_program(const std::string& name) {
  for (const char* directory : program_directories) {
    if (is_file(directory + name)) return directory + name;
  }
  return name;
}

ExecutionResult unanswered(Outcome outcome, std::string why) {
  return ExecutionResult{outcome, std::move(why), std::nullopt, {}};
}

CommandResult command_result(const ExecutionResult& result) {
  return CommandResult{result.outcome == Outcome::success, result.detail, result.output};
}

}  // namespace

// What a run's thread holds. It may outlive the runner and the io_context when it hangs, so nothing of theirs is in
// here.
struct ScriptRunner::Job {
  explicit Job(Execution what) : execution{std::move(what)}, cancel{::eventfd(0, EFD_CLOEXEC)} {}

  /// Any thread.
  void stop_now() const { ::eventfd_write(cancel.number(), 1); }

  const Execution execution;
  const Fd cancel;
};

struct ScriptRunner::Run {
  Run(boost::asio::io_context& context, Execution what, Done answer)
      : job{std::make_shared<Job>(std::move(what))}, done{std::move(answer)}, backstop{context} {}

  const std::shared_ptr<Job> job;
  Done done;
  boost::asio::steady_timer backstop;
};

ScriptRunner::ScriptRunner(boost::asio::io_context& context, Options options, core::EventSink sink)
    : context_{context}, options_{std::move(options)}, sink_{std::move(sink)}, pool_{context, threads_max} {
  environment_ = module_environment(options_, own_environment());
  shared_ = std::make_shared<ExecutionContext>(options_);
  if (options_.logging && !pool_.start([shared = shared_] { shared->userlogs.serve(); })) {
    log::critical("hooks", "no thread can be had for the userlogs; their size is not bounded");
  }
}

ScriptRunner::~ScriptRunner() {
  shared_->userlogs.close();
  for (const auto& [number, run] : runs_) run->job->stop_now();
}

std::string ScriptRunner::path_of(ScriptKind script) const {
  return fmt::format("{}/{}", options_.bin_dir, core::name_of(script));
}

bool ScriptRunner::exists(ScriptKind script) const {
  if (is_file(path_of(script))) return true;
  return is_stop_script(script) && is_file(path_of(start_script_of(script)));
}

Execution ScriptRunner::plan(const core::RunScript& run) const {
  Execution execution;
  const std::string path = path_of(run.script);
  execution.name = std::string{core::name_of(run.script)};
  execution.output = options_.logging ? Output::userlog : Output::discard;
  execution.child = ChildSpec{path, script_arguments(path, run), environment_, options_.user_var_dir, -1, -1};
  for (std::string& entry : run_environment(run, epoch_)) execution.child.environment.push_back(std::move(entry));
  const std::string_view service_class = hooks::service_class(run.script);
  if (is_start_script(run.script)) {
    execution.joins = service_class;
    execution.child.environment.push_back(service_marker(options_, service_class));
  } else if (is_stop_script(run.script)) {
    execution.clears = {service_class};
    execution.means = run.force ? ServiceGroup::Means::kill : ServiceGroup::Means::wait;
    execution.may_be_missing = true;
  } else if (run.script == ScriptKind::prestart || run.script == ScriptKind::poststop) {
    execution.clears.assign(service_classes.begin(), service_classes.end());
    execution.means = ServiceGroup::Means::kill;
  }
  return execution;
}

std::uint64_t ScriptRunner::begin(Execution execution, Duration limit, Done done) {
  const std::uint64_t number = ++last_run_;
  execution.deadline = platform::boottime_now() + limit;
  auto run = std::make_unique<Run>(context_, std::move(execution), std::move(done));
  arm_backstop(number, *run, limit + answer_grace);
  const auto job = run->job;
  runs_.emplace(number, std::move(run));
  const TaskPool::Mail mail = pool_.mail();
  const bool is_started = job->cancel && pool_.start([this, number, job, shared = shared_, mail] {
    const ExecutionResult result = execute(job->execution, *shared, job->cancel.number(), [&](const ExecutionResult&) {
      mail.post([this, number] {
        if (const auto found = runs_.find(number); found != runs_.end())
          arm_backstop(number, *found->second, clear_grace);
      });
    });
    mail.post([this, number, result] { finish(number, result); });
  });
  if (!is_started) {
    mail.post([this, number, name = job->execution.name] {
      finish(number, unanswered(Outcome::failure,
                                fmt::format("{} cannot be started: {} scripts hang already or the system gives no more "
                                            "threads; look for processes in state D",
                                            name, threads_max)));
    });
  }
  return number;
}

void ScriptRunner::arm_backstop(std::uint64_t number, Run& run, Duration after) {
  run.backstop.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(after));
  run.backstop.async_wait([this, number, alive = std::weak_ptr{alive_}](const boost::system::error_code& problem) {
    // A timer that had expired when the runner went away still calls.
    if (problem || alive.expired()) return;
    if (const auto found = runs_.find(number); found != runs_.end()) found->second->job->stop_now();
    finish(number, unanswered(Outcome::timed_out,
                              "no answer after its limit: the disk that holds the script or its userlog hangs"));
  });
}

void ScriptRunner::finish(std::uint64_t number, const ExecutionResult& result) {
  const auto found = runs_.find(number);
  if (found == runs_.end()) return;  // the backstop was faster
  const auto run = std::move(found->second);
  runs_.erase(found);
  run->done(result);
}

void ScriptRunner::run(const core::RunScript& run) {
  CLUSTERAGENT_ASSERT(!scripts_.contains(run.token));
  Execution execution = plan(run);
  const Token token = run.token;
  scripts_[token] = begin(std::move(execution), run.limit, [this, token](const ExecutionResult& result) {
    scripts_.erase(token);
    sink_(core::ActionFinished{token, result.outcome, result.detail});
  });
}

void ScriptRunner::cancel(Token token) {
  // Its answer may be on its way already; then there is nothing to end.
  if (const auto found = scripts_.find(token); found != scripts_.end()) runs_.at(found->second)->job->stop_now();
}

void ScriptRunner::command(const Command& command, std::function<void(const CommandResult&)> done) {
  CLUSTERAGENT_ASSERT(!command.arguments.empty());
  Execution execution;
  const std::string& program = command.arguments.front();
  const bool is_absolute = program.starts_with('/');
  execution.name = "handler-" + program.substr(program.find_last_of('/') + 1);
  execution.output = command.is_handler ? (options_.logging ? Output::userlog : Output::discard) : Output::capture;
  std::string path = program;
  if (!is_absolute) path = command.is_handler ? options_.bin_dir + "/" + program : find_program(program);
  execution.child = ChildSpec{path, command.arguments, environment_, options_.user_var_dir, -1, -1};
  begin(std::move(execution), command.limit,
        [done = std::move(done)](const ExecutionResult& result) { done(command_result(result)); });
}

}  // namespace clusteragent::hooks
