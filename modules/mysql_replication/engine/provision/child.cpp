#include "modules/mysql_replication/engine/provision/child.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <thread>
#include <utility>

#include "agent/platform/fd.hpp"

namespace clusteragent::mysql {
namespace {

constexpr Duration look_interval = std::chrono::milliseconds{20};
constexpr std::streamoff last_words_max = 300;

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const auto last = text.rfind('\n');
  if (last != std::string::npos) text.erase(0, last + 1);
  return text;
}

}  // namespace

Child::Child(pid_t process, std::string name, std::string log_path)
    : process_{process}, name_{std::move(name)}, log_path_{std::move(log_path)} {}

Child::Child(Child&& other) noexcept
    : process_{std::exchange(other.process_, -1)},
      how_{other.how_},
      name_{std::move(other.name_)},
      log_path_{std::move(other.log_path_)} {}

Child::~Child() {
  if (process_ < 0) return;
  ::kill(-process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

Result<Child> Child::start(const ChildPlan& plan) {
  const platform::Fd log{::open(plan.log_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600)};
  if (!log) return Error{ErrorCode::system, fmt::format("cannot write {}: {}", plan.log_path, std::strerror(errno))};
  std::vector<std::string> words = plan.words;
  std::vector<char*> argv;
  for (std::string& each : words) argv.push_back(each.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  if (plan.input >= 0)
    ::posix_spawn_file_actions_adddup2(&actions, plan.input, STDIN_FILENO);
  else
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, plan.output >= 0 ? plan.output : log.number(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, log.number(), STDERR_FILENO);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t ignored_here;
  ::sigemptyset(&ignored_here);
  ::sigaddset(&ignored_here, SIGPIPE);
  ::posix_spawnattr_setsigdefault(&attributes, &ignored_here);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  pid_t process = -1;
  const int code = ::posix_spawnp(&process, argv.front(), &actions, &attributes, argv.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (code != 0) {
    return Error{ErrorCode::system,
                 fmt::format("cannot start {}: {}; {}", plan.words.front(), std::strerror(code), plan.remedy)};
  }
  return Child{process, plan.words.front(), plan.log_path};
}

std::string Child::last_words() const {
  std::ifstream file{log_path_, std::ios::binary | std::ios::ate};
  if (!file) return {};
  const std::streamoff size = file.tellg();
  file.seekg(std::max<std::streamoff>(0, size - last_words_max));
  return one_line({std::istreambuf_iterator<char>{file}, {}});
}

bool Child::has_ended() {
  if (process_ >= 0 && ::waitpid(process_, &how_, WNOHANG) != 0) process_ = -1;
  return process_ < 0;
}

Status Child::wait(Duration limit, const std::atomic<bool>& is_cancelled) {
  return wait(limit, [&is_cancelled] { return is_cancelled.load(); });
}

Status Child::wait(Duration limit, const std::function<bool()>& is_unwanted) {
  const auto since = std::chrono::steady_clock::now();
  while (!has_ended()) {
    if (is_unwanted()) return Error{ErrorCode::refused, name_ + " was ended: it is no longer wanted"};
    if (std::chrono::steady_clock::now() - since > limit) {
      return Error{ErrorCode::system,
                   fmt::format("{} has not ended after {} s; its messages: {}", name_,
                               std::chrono::duration_cast<std::chrono::seconds>(limit).count(), log_path_)};
    }
    std::this_thread::sleep_for(look_interval);
  }
  if (WIFEXITED(how_) && WEXITSTATUS(how_) == 0) return success();
  return Error{ErrorCode::system, fmt::format("{} failed: {} (all of it: {})", name_, last_words(), log_path_)};
}

Status Child::end(Duration limit, const std::function<bool()>& is_unwanted) {
  if (!has_ended()) ::kill(process_, SIGTERM);
  return wait(limit, is_unwanted);
}

Status run_child(const ChildPlan& plan, Duration limit, const std::atomic<bool>& is_cancelled) {
  return run_child(plan, limit, [&is_cancelled] { return is_cancelled.load(); });
}

Status run_child(const ChildPlan& plan, Duration limit, const std::function<bool()>& is_unwanted) {
  auto child = Child::start(plan);
  return child ? child->wait(limit, is_unwanted) : Status{child.error()};
}

}  // namespace clusteragent::mysql
