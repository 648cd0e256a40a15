#include "agent/data/filesync/engine/engine_lock.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

#include "agent/platform/clock.hpp"

namespace clusteragent::filesync {
namespace {

// One that was told to end still hands over its last writes and closes the directories: what it does to mounts and
// history must not come after what this one does.
constexpr std::chrono::seconds former_limit{15};
constexpr int look_again_ms = 10;
// The kernel gives back what a process has within milliseconds, unless something there hangs.
constexpr std::chrono::seconds killed_limit{5};
constexpr std::string_view deleted = " (deleted)";  // what Linux appends after an upgrade replaced the file

struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

/// The name of the executable; empty: there is no such process, or hardly more.
std::string program_of(const std::string& process) {
  std::error_code problem;
  // Not its arguments: to read them waits for its memory, which one that hangs may hold.
  std::string path = std::filesystem::read_symlink("/proc/" + process + "/exe", problem).string();
  if (path.ends_with(deleted)) path.erase(path.size() - deleted.size());
  return std::filesystem::path{path}.filename().string();
}

/// proc(5): R, S, D, T, ...; behind the name, which may have blanks and parentheses itself.
char state_of(pid_t process) {
  std::ifstream file{fmt::format("/proc/{}/stat", process)};
  std::string text;
  std::getline(file, text);
  const auto name_end = text.rfind(") ");
  return name_end == std::string::npos || name_end + 2 >= text.size() ? '?' : text[name_end + 2];
}

}  // namespace

EngineLock::EngineLock(const std::string& directory, int agent, Note note)
    : path_{directory + "/lock"}, agent_{agent}, note_{std::move(note)} {}

bool EngineLock::try_to_lock() {
  struct flock lock = whole_file();
  is_held_ = ::fcntl(file_.number(), F_SETLK, &lock) == 0;
  return is_held_;
}

std::optional<pid_t> EngineLock::holder() const {
  struct flock lock = whole_file();
  if (::fcntl(file_.number(), F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return std::nullopt;
  return lock.l_pid;
}

Status EngineLock::end_former() {
  const std::optional<pid_t> former = holder();
  if (!former) return success();
  if (*former <= 0) {
    return Error{
        ErrorCode::refused,
        fmt::format("{} is locked by a process that cannot be seen from here, of another container perhaps: does "
                    "an agent of this module run there? End it",
                    path_)};
  }
  if (*former == ended_) {
    return Error{
        ErrorCode::refused,
        fmt::format("a former replication engine of this module (process {0}, state {1}) does not end, not even "
                    "by SIGKILL: it waits in the kernel for a disk or a file system that does not answer. "
                    "Nothing is done beside it. Bring that disk back (/proc/{0}/stack says what it waits for) "
                    "or restart this machine",
                    *former, state_of(*former))};
  }
  const platform::Fd process{static_cast<int>(::syscall(SYS_pidfd_open, *former, 0))};
  // Asked again: if it has the lock still, the number was its own when the descriptor was made.
  if (!process || holder() != former) return success();
  const std::string program = program_of(std::to_string(*former));
  if (!program.empty() && program != program_of("self")) {
    return Error{ErrorCode::refused,
                 fmt::format("{} is locked by process {} ({}), which is no replication engine: end it", path_, *former,
                             program)};
  }
  ended_ = *former;
  note_('C',
        fmt::format("a former replication engine of this module (process {}, state {}) did not end by itself within "
                    "{} s: it is killed, because two must not work on one directory",
                    *former, state_of(*former), former_limit.count()));
  ::syscall(SYS_pidfd_send_signal, process.number(), SIGKILL, nullptr, 0);
  return success();
}

Status EngineLock::take() {
  if (is_held_) return success();
  if (!file_) file_ = platform::Fd{::open(path_.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)};
  Instant until = platform::boottime_now() + (ended_ == 0 ? former_limit : std::chrono::seconds{0});
  while (!file_ || !try_to_lock()) {
    if (!file_ || (errno != EAGAIN && errno != EACCES)) {
      return Error{ErrorCode::system,
                   fmt::format("cannot lock {}, which keeps a second replication engine away: {}; look at that disk",
                               path_, std::strerror(errno))};
    }
    if (platform::boottime_now() >= until) {
      if (const Status ended = end_former(); !ended) return ended;
      until = platform::boottime_now() + killed_limit;
    }
    pollfd agent{agent_, 0, 0};
    ::poll(&agent, 1, look_again_ms);
    if ((agent.revents & POLLHUP) != 0) return Error{ErrorCode::refused, "the agent of this engine has ended"};
  }
  return success();
}

}  // namespace clusteragent::filesync
