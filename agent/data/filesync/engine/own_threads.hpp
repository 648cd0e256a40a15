#pragma once
// OwnThreads: the threads of this process as the kernel counts and places them. Looks once a second while there is
// work, and costs nothing without. An operator who places the process by himself (taskset(1), CPUAffinity= of
// systemd.exec(5)) is obeyed: within what was allowed at the start, and not touched any more once he has changed it.
// Threads: one. Errors: what the kernel does not tell or allow leaves the threads as they are.
#include <sched.h>
#include <sys/types.h>

#include <map>
#include <optional>

#include "agent/data/filesync/engine/placement.hpp"

namespace clusteragent::filesync {

class OwnThreads {
 public:
  OwnThreads();

  /// Moves the threads where they are better off.
  void place();

 private:
  /// What its threads waited for a processor.
  Duration waited_since_last();
  void run_on(const cpu_set_t& wanted);
  bool is_placed_by_somebody() const;

  cpu_set_t allowed_{};
  cpu_set_t placed_{};
  std::optional<Placement> placement_;  // none: not ours to decide
  Instant looked_at_;
  Duration ran_{};
  std::map<pid_t, Duration> waited_;  // by each thread, since it began
};

}  // namespace clusteragent::filesync
