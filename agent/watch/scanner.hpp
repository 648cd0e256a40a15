#pragma once
// Scanner: looks at processes on a thread of its own and posts what it found to the decision thread.
//
// A whole look reads every process of the machine once, whatever the number of rules; it is asked for at arming and
// every polltimer. A near look reads only where the successor of a process that died would be (children of its parent,
// its cgroup), at most neighbours_max processes: the answer to a death that does not grow with the machine. Ownership:
// the io_context outlives the scanner. Threads: all methods on the decision thread. A look that hangs in /proc keeps
// is_busy() true; destruction waits for it for a bounded time and then leaves the thread behind.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/platform/asio.hpp"
#include "agent/watch/matcher.hpp"
#include "agent/watch/proc_fs.hpp"

namespace clusteragent::watch {

// Watched by pidfd per rule; what is found beyond is counted at the looks only. Descriptors are finite.
inline constexpr std::size_t tracked_max = 64;

struct Neighbourhood {
  int parent = 0;
  std::string cgroup;
};

struct FoundProcess {
  int pid = 0;
  std::uint64_t start_time = 0;
  Neighbourhood near;
  PidFd pidfd;
};

struct Look {
  std::vector<std::size_t> rules;     // which matchers to ask
  std::optional<Neighbourhood> near;  // nullopt: the whole machine
};

struct Findings {
  Look look;
  std::vector<std::vector<FoundProcess>> found;  // by position in look.rules; at most tracked_max each
  std::vector<std::uint32_t> beyond;             // matched, but not among them
};

class Scanner {
 public:
  using Sink = std::function<void(Findings)>;

  Scanner(boost::asio::io_context& context, std::vector<Matcher> matchers, Sink sink);
  ~Scanner();
  Scanner(const Scanner&) = delete;
  Scanner& operator=(const Scanner&) = delete;

  bool is_busy() const { return is_busy_; }
  /// Only when not busy. The sink is called once for it.
  void start(Look look);

 private:
  struct Shared;
  static void serve(const std::shared_ptr<Shared>& shared);

  std::shared_ptr<Shared> shared_;
  bool is_busy_ = false;
};

}  // namespace clusteragent::watch
