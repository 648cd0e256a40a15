#include "agent/hooks/execution.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <system_error>

#include "agent/base/log.hpp"
#include "agent/hooks/tail.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::hooks {
namespace {

using core::Outcome;

enum class Wake { ended, cancelled, deadline };

// Hung processes of earlier runs that are still remembered; beyond, they stay zombies until the agent ends.
constexpr std::size_t undying_max = 16;

int poll_timeout(Instant until) {
  const std::int64_t left = to_milliseconds(until - platform::boottime_now()) + 1;
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, std::numeric_limits<int>::max()));
}

Wake wait_for_end(int pidfd, int cancel, Instant until) {
  std::array<pollfd, 2> polled{
      {{.fd = pidfd, .events = POLLIN, .revents = 0}, {.fd = cancel, .events = POLLIN, .revents = 0}}};
  for (;;) {
    const int ready = ::poll(polled.data(), polled.size(), poll_timeout(until));
    if (polled[0].revents != 0) return Wake::ended;
    if (polled[1].revents != 0) return Wake::cancelled;
    if (ready == 0 && platform::boottime_now() >= until) return Wake::deadline;
  }
}

void reap_undying(ExecutionContext& context) {
  const std::scoped_lock lock{context.mutex};
  std::erase_if(context.undying, [](Child& child) { return child.reap().has_value(); });
}

struct OutputFile {
  Fd file;
  std::string path;  // of a userlog
};

Result<OutputFile> open_output(const Execution& execution, ExecutionContext& context) {
  if (execution.output == Output::discard) return OutputFile{};
  if (execution.output == Output::userlog) {
    Result<Userlog> userlog = context.userlogs.create(execution.name);
    if (!userlog.ok()) {
      // A full disk must not keep the application from being started on the node that is left.
      log::critical("hooks", "{}; {} runs without a userlog", userlog.error().message, execution.name);
      return OutputFile{};
    }
    log::write(log::Level::script, "hooks", fmt::format("Script {} > {}", execution.name, userlog->path));
    return OutputFile{std::move(userlog->file), std::move(userlog->path)};
  }
  const int memory = ::memfd_create("clusteragent-output", MFD_CLOEXEC);
  if (memory < 0) return Error{ErrorCode::system, "memfd_create: " + std::generic_category().message(errno)};
  return OutputFile{Fd{memory}, {}};
}

std::string read_back(const OutputFile& output, std::size_t bytes_max, bool from_end, bool& is_cut) {
  const off_t size = ::lseek(output.file.number(), 0, SEEK_END);
  if (size <= 0) return {};
  std::string text(std::min(static_cast<std::size_t>(size), bytes_max), '\0');
  is_cut = static_cast<std::size_t>(size) > text.size();
  const off_t start = from_end ? size - static_cast<off_t>(text.size()) : 0;
  const ssize_t got = ::pread(output.file.number(), text.data(), text.size(), start);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

/// What the whole run came to, before its output is looked at.
void judge(ExecutionResult& result, Wake wake) {
  if (wake == Wake::deadline) {
    result.outcome = Outcome::timed_out;
    result.detail = "over its time limit, its process group was killed";
  } else if (wake == Wake::cancelled) {
    result.outcome = Outcome::failure;
    result.detail = "cancelled, its process group was killed";
  } else if (result.status->is_success()) {
    result.outcome = Outcome::success;
    return;
  } else {
    result.outcome = Outcome::failure;
    result.detail = describe(*result.status);
  }
  if (!result.status) result.detail += "; it hangs in the kernel and has not died yet (disk or network file system?)";
}

ExecutionResult supervise(Child child, const Execution& execution, ExecutionContext& context, int cancel) {
  ExecutionResult result;
  const Wake wake = wait_for_end(child.pidfd(), cancel, execution.deadline);
  if (wake != Wake::ended) {
    child.kill_group();
    wait_for_end(child.pidfd(), -1, platform::boottime_now() + death_grace);
  }
  result.status = child.reap();
  judge(result, wake);
  if (!result.status) {
    const std::scoped_lock lock{context.mutex};
    if (context.undying.size() < undying_max) context.undying.push_back(std::move(child));
  }
  return result;
}

void clear_services(const Execution& execution, ServiceGroup::Means means, ExecutionContext& context, int cancel,
                    ExecutionResult& result) {
  const bool kills = means == ServiceGroup::Means::kill;
  for (const std::string_view service_class : execution.clears) {
    const Instant now = platform::boottime_now();
    const Instant until = kills ? now + kill_left_max : std::min(execution.deadline, now + settle_max);
    const std::vector<int> before = kills ? context.services.members(service_class) : std::vector<int>{};
    if (!before.empty()) {
      log::event("hooks", "{}: killing what is left of {}: {}", execution.name, service_class,
                 describe_processes(before));
    }
    const std::vector<int> left = context.services.settle(service_class, means, until, cancel);
    if (left.empty()) continue;
    if (!result.detail.empty()) result.detail += "; ";
    result.detail += fmt::format("still running although stopped: {}", describe_processes(left));
    if (result.outcome == Outcome::success) result.outcome = Outcome::failure;
  }
  if (!execution.clears.empty()) context.services.remove_empty();
}

void add_last_lines(ExecutionResult& result, const OutputFile& output) {
  bool is_cut = false;
  const std::string lines = last_lines(read_back(output, tail_read_bytes, true, is_cut), is_cut);
  result.detail += lines.empty() ? "; it wrote nothing" : fmt::format("; last lines: {}", lines);
  result.detail += fmt::format(" (all of it: {})", output.path);
}

bool is_missing(const std::string& path) {
  return ::access(path.c_str(), F_OK) != 0 && errno == ENOENT;
}

ExecutionResult not_started(std::string why) {
  return ExecutionResult{Outcome::failure, std::move(why), std::nullopt, {}};
}

bool is_cancelled(int cancel) {
  pollfd polled{.fd = cancel, .events = POLLIN, .revents = 0};
  return ::poll(&polled, 1, 0) > 0;
}

ExecutionResult run_program(const Execution& execution, ExecutionContext& context, int cancel,
                            const OutputFile& output) {
  ChildSpec spec = execution.child;
  spec.output = output.file.number();
  const Fd cgroup = execution.joins.empty() ? Fd{} : context.services.join(execution.joins);
  spec.cgroup_procs = cgroup.number();
  // The last look before the start: what came before may have hung on a disk, and the run may have been given up.
  if (is_cancelled(cancel)) return not_started("cancelled before it was started");
  if (platform::boottime_now() >= execution.deadline) {
    return ExecutionResult{Outcome::timed_out, "over its time limit before it could be started", std::nullopt, {}};
  }
  Result<Child> child = spawn(spec);
  if (!child.ok()) return not_started(child.error().message);
  return supervise(std::move(child).value(), execution, context, cancel);
}

}  // namespace

ExecutionContext::ExecutionContext(const Options& options)
    : services{options}, userlogs{options.userlog_dir, options.userlog_bytes_max, options.userlog_files_max} {}

ExecutionResult execute(const Execution& execution, ExecutionContext& context, int cancel,
                        const std::function<void(const ExecutionResult&)>& on_end) {
  reap_undying(context);
  ExecutionResult result;
  OutputFile output;
  ServiceGroup::Means means = execution.means;
  if (execution.may_be_missing && is_missing(execution.child.path)) {
    result.outcome = Outcome::success;
    if (means == ServiceGroup::Means::wait) means = ServiceGroup::Means::terminate;
  } else if (const Status runnable = check_executable(execution.child.path); !runnable.ok()) {
    result = not_started(runnable.error().message);
  } else if (Result<OutputFile> opened = open_output(execution, context); !opened.ok()) {
    result = not_started(opened.error().message);
  } else {
    output = std::move(opened).value();
    context.userlogs.run_began();
    result = run_program(execution, context, cancel, output);
    context.userlogs.run_ended();
  }
  on_end(result);
  if (means == ServiceGroup::Means::kill || result.outcome == Outcome::success) {
    clear_services(execution, means, context, cancel, result);
  }
  bool is_cut = false;
  if (execution.output == Output::capture) result.output = read_back(output, capture_bytes_max, false, is_cut);
  if (execution.output == Output::userlog && output.file && result.outcome != Outcome::success) {
    add_last_lines(result, output);
  }
  return result;
}

}  // namespace clusteragent::hooks
