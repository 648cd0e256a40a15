#pragma once
// ScriptRunner: the module's scripts, errd's handlers and the few commands the agent itself needs.
//
// Purpose: runs what RunScript names with SafeKit's arguments and environment and answers with one ActionFinished. The
// run ends when the script's own process ends, whatever it left behind holds open. Over its limit its process group
// gets SIGKILL and the outcome is timed_out. A stop is held to its word: a graceful stop script after which the
// processes that the start script made are still there has failed (the core then runs the force pass), and after a
// force pass, after prestart and after poststop what is left of them is killed. A missing stop script is replaced by
// exactly that: SIGTERM, then SIGKILL, to what the start script left running. Threads: all methods on the decision
// thread; they return at once except `exists`, which looks at the disk and is meant for start-up. A hung disk holds up
// the run's own thread; the answer comes all the same, shortly after the limit. Ownership: the io_context outlives the
// runner. Destruction kills the groups of running scripts: a script that nobody supervises would run beside those of
// the next agent. What finished start scripts left running stays. Errors: every one becomes an ActionFinished whose
// detail names the file and the remedy.
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/core/ports.hpp"
#include "agent/hooks/execution.hpp"
#include "agent/hooks/options.hpp"
#include "agent/hooks/task_pool.hpp"

namespace clusteragent::hooks {

/// A program of errd or of the agent itself.
struct Command {
  std::vector<std::string> arguments;  // the program first: absolute, else looked for (see is_handler)
  Duration limit{};
  bool is_handler = false;  // of a <proc>: relative to the module's bin, output into a userlog, else read back; else a
                            // program of the system: looked for in /usr/bin, /bin, /usr/sbin and /sbin
};
struct CommandResult {
  bool is_success = false;  // started and ended with exit code 0 in time
  std::string detail;       // why not
  std::string output;       // of a program of the system, at most capture_bytes_max
};

class ScriptRunner final : public core::ScriptPort {
 public:
  ScriptRunner(boost::asio::io_context& context, Options options, core::EventSink sink);
  ~ScriptRunner() override;

  void run(const core::RunScript& run) override;
  void cancel(Token token) override;

  /// Is there something to run: the file, or for a stop script what it would have to undo. For Policy::has_script.
  bool exists(core::ScriptKind script) const;
  /// CLUSTERAGENT_EPOCH of the scripts from now on.
  void set_epoch(Epoch epoch) { epoch_ = epoch; }
  /// Calls `done` once, on the decision thread, never from inside this call.
  void command(const Command& command, std::function<void(const CommandResult&)> done);

 private:
  struct Job;
  struct Run;
  using Done = std::function<void(const ExecutionResult&)>;

  std::string path_of(core::ScriptKind script) const;
  Execution plan(const core::RunScript& run) const;
  std::uint64_t begin(Execution execution, Duration limit, Done done);
  void arm_backstop(std::uint64_t number, Run& run, Duration after);
  void finish(std::uint64_t number, const ExecutionResult& result);

  boost::asio::io_context& context_;
  Options options_;
  core::EventSink sink_;
  std::vector<std::string> environment_;
  std::shared_ptr<ExecutionContext> shared_;
  Epoch epoch_{};
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);  // for timers that fire late
  std::uint64_t last_run_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Run>> runs_;  // all under way, commands too
  std::map<Token, std::uint64_t> scripts_;
  TaskPool pool_;
};

}  // namespace clusteragent::hooks
