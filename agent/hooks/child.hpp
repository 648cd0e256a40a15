#pragma once
// Child: one started program, its process group and the news of its end.
//
// Purpose: starts a program from a multi-threaded process so that nothing of the agent leaks into it: own session and
// process group, standard input from /dev/null, no inherited descriptor, default signal dispositions, ordinary
// scheduling. Its end is noticed through a pidfd, never by polling and never through SIGCHLD, which belongs to nobody.
// Ownership: the Child owns the pidfd; the process becomes a zombie that reap() collects. Threads: one at a time.
// Blocks: spawn reads the program from disk, therefore never on the decision thread.
#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/base/time.hpp"
#include "agent/hooks/fd.hpp"

namespace clusteragent::hooks {

struct ChildSpec {
  std::string path;
  std::vector<std::string> arguments;    // with the program's own name in front
  std::vector<std::string> environment;  // NAME=value
  std::string directory;                 // where it starts; falls back to / when it is missing
  int output = -1;                       // standard output and error; -1: /dev/null. Borrowed for the call
  int cgroup_procs = -1;                 // open cgroup.procs of the cgroup to join; -1: none. Borrowed for the call
};

struct ExitStatus {
  int code = 0;    // meaningful when signal is 0
  int signal = 0;  // that ended it
  bool is_success() const { return code == 0 && signal == 0; }
};

/// "exit code 3", "killed by SIGSEGV".
std::string describe(const ExitStatus& status);

class Child {
 public:
  Child(int pid, Fd pidfd) : pid_{pid}, pidfd_{std::move(pidfd)} {}

  int pid() const { return pid_; }
  /// Readable once the process has ended.
  int pidfd() const { return pidfd_.number(); }
  /// SIGKILL to the whole group. Only before reap: until then nobody else can be given the number.
  void kill_group() const;
  /// Collects the end without waiting; nullopt: it still runs.
  std::optional<ExitStatus> reap();

 private:
  int pid_;
  Fd pidfd_;
  bool is_reaped_ = false;
};

/// Fails with a message that names the file and the remedy: not there, not executable, interpreter missing.
Result<Child> spawn(const ChildSpec& spec);

/// Why `path` cannot be run as a script; success when nothing speaks against it.
Status check_executable(const std::string& path);

}  // namespace clusteragent::hooks
