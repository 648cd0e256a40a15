#pragma once
// What /proc says of processes (proc(5)). Blocks: reading a command line waits for the process's memory lock, which a
// process that hangs in the kernel may hold for ever; therefore only on the scanner's thread. Stateless.
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/watch/matcher.hpp"

namespace clusteragent::watch {

// A longer command line is judged by its beginning; Java's are the longest in use.
inline constexpr std::size_t command_line_bytes_max = 64 * 1024;
// Processes of a cgroup or children of a process that are looked at after a death: bounded work, whatever runs there.
inline constexpr std::size_t neighbours_max = 256;

struct ProcessStat {
  int pid = 0;
  std::string comm;
  char state = '?';
  int parent = 0;
  std::int64_t threads = 0;
  std::uint64_t start_time = 0;  // clock ticks since boot; with the pid it names a process for good

  /// A zombie has ended, unless only its first thread has.
  bool is_running() const { return state != 'X' && (state != 'Z' || threads > 1); }
};

/// Of /proc/PID/stat. nullopt: malformed. Pure.
std::optional<ProcessStat> parse_stat(std::string_view text);

std::optional<ProcessStat> read_stat(int pid);
std::vector<int> all_pids();
/// Path in the cgroup v2 hierarchy with its mount point in front; empty: in its root, or there is none.
std::string cgroup_directory(int pid);
/// Where a successor of a process would be: children of its parent and processes of its cgroup, at most neighbours_max.
std::vector<int> neighbours(int parent, const std::string& cgroup);

class ProcProcess final : public ProcessFacts {
 public:
  explicit ProcProcess(ProcessStat stat) : stat_{std::move(stat)} {}
  const ProcessStat& stat() const { return stat_; }
  const std::string& comm() override { return stat_.comm; }
  const std::string& exe() override;
  const std::vector<std::string>& arguments() override;

 private:
  ProcessStat stat_;
  std::optional<std::string> exe_;
  std::optional<std::vector<std::string>> arguments_;
};

/// Owner of a pidfd.
class PidFd {
 public:
  PidFd() = default;
  explicit PidFd(int number) : number_{number} {}
  PidFd(PidFd&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  PidFd& operator=(PidFd&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~PidFd() {
    if (number_ >= 0) ::close(number_);
  }
  explicit operator bool() const { return number_ >= 0; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_ = -1;
};

/// For the process that `pid` names now. Does not block.
PidFd open_pidfd(int pid);

}  // namespace clusteragent::watch
