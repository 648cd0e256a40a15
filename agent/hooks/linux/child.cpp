#include "agent/hooks/child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

#include "agent/hooks/tail.hpp"

namespace clusteragent::hooks {
namespace {

// Descriptors that the child needs until exec are moved up here first, so that 0, 1, 2 and the report's place are free.
constexpr int first_free_descriptor = 10;
constexpr int report_descriptor = 3;
// A kernel older than 5.9 has no close_range; then descriptors are closed one by one up to this.
constexpr rlim_t descriptors_max = 65536;
constexpr int exit_not_started = 127;

enum class Stage : int { joining_cgroup = 1, executing = 2 };

struct Report {
  Stage stage;
  int error;
};

/// Everything the child touches between fork and exec; made before, because it may not allocate.
struct Plan {
  const char* path;
  char* const* arguments;
  char* const* environment;
  const char* directory;
  int input;
  int output;
  int report;
  int cgroup_procs;
  int last_descriptor;
};

std::string reason(int error) {
  return std::generic_category().message(error);
}

void close_inherited(int last_descriptor) {
  if (::syscall(SYS_close_range, report_descriptor + 1, ~0U, 0) == 0) return;
  for (int descriptor = report_descriptor + 1; descriptor <= last_descriptor; ++descriptor) ::close(descriptor);
}

void report_failure(Stage stage) {
  const Report report{stage, errno};
  // The reader takes a missing report for success; a pipe takes these few bytes whole.
  if (::write(report_descriptor, &report, sizeof report) != sizeof report) ::_exit(exit_not_started);
}

/// Runs in the child of a multi-threaded process: only async-signal-safe calls (signal-safety(7)).
[[noreturn]] void become_program(const Plan& plan) {
  ::setsid();
  ::dup2(plan.input, STDIN_FILENO);
  ::dup2(plan.output, STDOUT_FILENO);
  ::dup2(plan.output, STDERR_FILENO);
  ::dup3(plan.report, report_descriptor, O_CLOEXEC);
  if (plan.cgroup_procs >= 0 && ::write(plan.cgroup_procs, "0", 1) != 1) report_failure(Stage::joining_cgroup);
  if (::chdir(plan.directory) != 0 && ::chdir("/") != 0) ::_exit(exit_not_started);
  close_inherited(plan.last_descriptor);
  ::umask(022);
  struct sched_param ordinary {};
  ::sched_setscheduler(0, SCHED_OTHER, &ordinary);
  struct sigaction defaults {};
  defaults.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &defaults, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(plan.path, plan.arguments, plan.environment);
  report_failure(Stage::executing);
  ::_exit(exit_not_started);
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  // execve takes char* const[] for historical reasons and changes nothing.
  for (const std::string& string : strings) result.push_back(const_cast<char*>(string.c_str()));
  result.push_back(nullptr);
  return result;
}

Result<Fd> moved_up(int descriptor) {
  const int copy = ::fcntl(descriptor, F_DUPFD_CLOEXEC, first_free_descriptor);
  if (copy < 0) return Error{ErrorCode::system, "no file descriptor is left: " + reason(errno)};
  return Fd{copy};
}

std::string interpreter_of(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::array<char, 128> start{};  // Linux reads no more of the first line (execve(2))
  file.read(start.data(), start.size());
  std::string_view line{start.data(), static_cast<std::size_t>(file.gcount())};
  line = line.substr(0, line.find('\n'));
  if (!line.starts_with("#!")) return {};
  line.remove_prefix(2);
  const auto first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  line.remove_prefix(first);
  return std::string{line.substr(0, line.find_first_of(" \t"))};
}

std::string exec_problem(const std::string& path, int error) {
  const std::string interpreter = interpreter_of(path);
  switch (error) {
    case ENOENT:
      if (interpreter.ends_with('\r')) {
        return fmt::format(
            "{}: its lines end as on Windows, so the interpreter \"{}\" is not found; convert the file: "
            "sed -i 's/\\r$//' {}",
            path, printable(interpreter), path);
      }
      if (interpreter.empty()) return fmt::format("{}: there is no such file", path);
      return fmt::format("{}: its interpreter {} does not exist on this node; correct the first line", path,
                         printable(interpreter));
    case ENOEXEC:
      return fmt::format(
          "{}: it is neither a program nor does it name an interpreter; write #!/bin/sh as its first line", path);
    case EACCES:
      return fmt::format(
          "{}: it may not be executed; chmod 755 {} (and look whether its file system is mounted noexec "
          "and whether its interpreter is executable)",
          path, path);
    case ETXTBSY:
      return fmt::format("{}: somebody has it open for writing; close the editor or the copy", path);
    default:
      return fmt::format("{}: it cannot be executed: {}", path, reason(error));
  }
}

Result<Fd> open_null(int flags) {
  const int descriptor = ::open("/dev/null", flags | O_CLOEXEC);
  if (descriptor < 0) return Error{ErrorCode::system, "/dev/null cannot be opened: " + reason(errno)};
  return moved_up(Fd{descriptor}.number());
}

int last_descriptor() {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return static_cast<int>(descriptors_max);
  return static_cast<int>(std::min(limit.rlim_cur, descriptors_max));
}

/// Waits for exec (the report's end closes) or for the child's word that it did not come to that.
Status await_exec(int report, const std::string& path) {
  Report failure{};
  for (;;) {
    const ssize_t got = ::read(report, &failure, sizeof failure);
    if (got < 0 && errno == EINTR) continue;
    if (got != sizeof failure) return success();
    // A service cgroup that cannot be joined costs the precise kill, not the start.
    if (failure.stage == Stage::executing) return Error{ErrorCode::system, exec_problem(path, failure.error)};
  }
}

pid_t fork_with_signals_blocked(const Plan& plan) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  // A signal between fork and exec would run the agent's handler in the child.
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) become_program(plan);
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return pid;
}

Result<Child> start(const Plan& plan, int report_read, Fd report_write) {
  const pid_t pid = fork_with_signals_blocked(plan);
  if (pid < 0)
    return Error{ErrorCode::system, fmt::format("{}: no process could be made: {}", plan.path, reason(errno))};
  report_write.reset();
  const Status executed = await_exec(report_read, plan.path);
  if (!executed.ok()) {
    ::waitpid(pid, nullptr, 0);
    return executed.error();
  }
  const long pidfd = ::syscall(SYS_pidfd_open, pid, 0);  // close-on-exec by itself (pidfd_open(2))
  if (pidfd < 0) {
    const int error = errno;
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return Error{ErrorCode::system,
                 fmt::format("{}: pidfd_open: {}; Linux 5.3 or newer is needed", plan.path, reason(error))};
  }
  return Child{pid, Fd{static_cast<int>(pidfd)}};
}

}  // namespace

std::string describe(const ExitStatus& status) {
  if (status.signal == 0) return fmt::format("exit code {}", status.code);
  const char* name = ::sigabbrev_np(status.signal);
  return name != nullptr ? fmt::format("killed by SIG{}", name) : fmt::format("killed by signal {}", status.signal);
}

void Child::kill_group() const {
  CLUSTERAGENT_ASSERT(!is_reaped_);
  ::kill(-pid_, SIGKILL);
}

std::optional<ExitStatus> Child::reap() {
  CLUSTERAGENT_ASSERT(!is_reaped_);
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.number()), &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) {
    return std::nullopt;
  }
  is_reaped_ = true;
  if (info.si_code == CLD_EXITED) return ExitStatus{info.si_status, 0};
  return ExitStatus{0, info.si_status};
}

Status check_executable(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return Error{ErrorCode::configuration, fmt::format("{}: there is no such file", path)};
    return Error{ErrorCode::system, fmt::format("{}: {}", path, reason(errno))};
  }
  if (!S_ISREG(status.st_mode)) return Error{ErrorCode::configuration, fmt::format("{}: this is not a file", path)};
  if ((status.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0) {
    return Error{ErrorCode::configuration, fmt::format("{}: it is not executable; chmod 755 {}", path, path)};
  }
  return success();
}

Result<Child> spawn(const ChildSpec& spec) {
  Result<Fd> input = open_null(O_RDONLY);
  if (!input.ok()) return input.error();
  Result<Fd> output = spec.output >= 0 ? moved_up(spec.output) : open_null(O_WRONLY);
  if (!output.ok()) return output.error();
  Fd cgroup_procs;
  if (spec.cgroup_procs >= 0) {
    Result<Fd> copy = moved_up(spec.cgroup_procs);
    if (!copy.ok()) return copy.error();
    cgroup_procs = std::move(copy).value();
  }
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return Error{ErrorCode::system, fmt::format("{}: no pipe could be made: {}", spec.path, reason(errno))};
  }
  const Fd report_read{ends[0]};
  Fd low_report{ends[1]};
  Result<Fd> report_write = moved_up(low_report.number());
  if (!report_write.ok()) return report_write.error();
  low_report.reset();
  const std::vector<char*> arguments = pointers(spec.arguments);
  const std::vector<char*> environment = pointers(spec.environment);
  const Plan plan{spec.path.c_str(),      arguments.data(),      environment.data(),
                  spec.directory.c_str(), input->number(),       output->number(),
                  report_write->number(), cgroup_procs.number(), last_descriptor()};
  return start(plan, report_read.number(), std::move(report_write).value());
}

}  // namespace clusteragent::hooks
