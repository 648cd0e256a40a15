#pragma once
// EngineLock: one replication engine at a time over the directories of a module. A record lock (fcntl(2)) on a file of
// the state directory, because the kernel says who holds it, for as long as that process has not ended, and never names
// another: no pid file can be stale. A former engine that hangs is ended; beside one that cannot be ended nothing
// begins. Ownership: held until the object goes, or its process does. Threads: one. Errors: text for the operator.
#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "agent/base/result.hpp"
#include "agent/platform/fd.hpp"

namespace clusteragent::filesync {

class EngineLock {
 public:
  using Note = std::function<void(char level, const std::string& text)>;

  /// `directory`: the state directory. `agent`: the socket to it; its end ends the waiting.
  EngineLock(const std::string& directory, int agent, Note note);

  /// Blocks for the 15 s in which a former engine may end by itself, and 5 more for the kernel to end it. Once more:
  /// does nothing where it is held; where it was not to be had, looks whether it is now.
  Status take();
  bool is_held() const { return is_held_; }

 private:
  bool try_to_lock();
  /// Nobody, or the number of a process; not positive: of one that cannot be seen from here.
  std::optional<pid_t> holder() const;
  Status end_former();

  const std::string path_;
  const int agent_;
  const Note note_;
  platform::Fd file_;
  bool is_held_ = false;
  pid_t ended_ = 0;  // has got SIGKILL
};

}  // namespace clusteragent::filesync
