#pragma once
// One run of a script, handler or command from beginning to end, on a thread that may block.
//
// Order: log file, start, wait for the program's own end (not for the end of its output: a server that it left behind
// keeps that open), the group killed when the time is over, what the class left running ended where a stop is meant,
// last lines read. Threads: execute blocks its caller; the context is shared by all of them and safe for that.
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/types.hpp"
#include "agent/hooks/child.hpp"
#include "agent/hooks/service_group.hpp"
#include "agent/hooks/userlog.hpp"

namespace clusteragent::hooks {

// A process that does not die of SIGKILL hangs in the kernel (disk, NFS); it is reported and left alone.
inline constexpr std::chrono::seconds death_grace{2};
// A graceful stop script that only asked its server to stop: the server gets this long, or the rest of the limit.
inline constexpr std::chrono::seconds settle_max{10};
inline constexpr std::chrono::seconds kill_left_max{5};
// Of a command whose output is read back (systemctl show).
inline constexpr std::size_t capture_bytes_max = 16 * 1024;

enum class Output { discard, userlog, capture };

struct Execution {
  ChildSpec child;
  bool may_be_missing = false;  // no such file: only what `clears` says, with SIGTERM instead of waiting
  Output output = Output::discard;
  std::string name;  // in the log and in the userlog's file name
  Instant deadline;
  std::string_view joins;                // service class that what it starts belongs to; empty: none
  std::vector<std::string_view> clears;  // service classes of which nothing is to be left afterwards
  ServiceGroup::Means means = ServiceGroup::Means::wait;
};

struct ExecutionResult {
  core::Outcome outcome = core::Outcome::failure;
  std::string detail;                // one line: exit code and last lines, or why it was not started
  std::optional<ExitStatus> status;  // of a program that was started and ended
  std::string output;                // captured
};

struct ExecutionContext {
  explicit ExecutionContext(const Options& options);

  const ServiceGroup services;
  UserlogKeeper userlogs;
  std::mutex mutex;
  std::vector<Child> undying;  // killed, not dead yet; reaped by a later run
};

/// `cancel` becomes readable when the run is to end now. `on_end` is told as soon as the program itself has ended,
/// before anything that could hang on a disk.
ExecutionResult execute(const Execution& execution, ExecutionContext& context, int cancel,
                        const std::function<void(const ExecutionResult&)>& on_end);

}  // namespace clusteragent::hooks
