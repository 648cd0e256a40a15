#include "modules/mysql_replication/engine/server/rescue.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "agent/platform/fd.hpp"

namespace clusteragent::mysql {
namespace {

constexpr std::size_t name_length_max = 120;
constexpr const char* unfinished = ".part";

}  // namespace

std::string rescue_name(const std::string& gtids) {
  std::string name = "errant-";
  for (const char letter : gtids.substr(0, name_length_max)) {
    const bool is_plain = (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'z') || letter == '-';
    name += is_plain ? letter : '_';
  }
  return name;
}

Rescue::~Rescue() {
  for (const Run& each : runs_) {
    ::kill(each.process, SIGKILL);
    ::waitpid(each.process, nullptr, 0);
  }
}

Status Rescue::start(const std::string& path, const std::vector<std::string>& arguments) {
  const std::string part = path + unfinished;
  const platform::Fd file{::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (!file) return Error{ErrorCode::system, fmt::format("cannot write {}: {}", part, std::strerror(errno))};
  std::vector<std::string> words = arguments;
  std::vector<char*> argv;
  for (std::string& each : words) argv.push_back(each.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, file.number(), STDOUT_FILENO);
  Run run{-1, path};
  const int code = ::posix_spawnp(&run.process, argv.front(), &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (code != 0) {
    return Error{ErrorCode::system, fmt::format("cannot start {}, which reads binary logs: {}; install the server's "
                                                "client programs",
                                                arguments.front(), std::strerror(code))};
  }
  runs_.push_back(run);
  return success();
}

Result<bool> Rescue::begin(const std::string& folder, const std::string& name, const std::vector<std::string>& tool,
                           const std::vector<std::string>& logs) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return Error{ErrorCode::system, fmt::format("cannot make the folder {}: {}", folder, std::strerror(errno))};
  path_ = folder + "/" + name + ".sql";
  const std::string raw_path = folder + "/" + name + ".binlog.sql";
  if (::access(path_.c_str(), F_OK) == 0 && ::access(raw_path.c_str(), F_OK) == 0) return false;
  failed_.reset();
  std::vector<std::string> readable = tool;
  readable.insert(readable.end(), {"-vv", "--base64-output=decode-rows"});
  readable.insert(readable.end(), logs.begin(), logs.end());
  if (const Status started = start(path_, readable); !started) return started.error();
  std::vector<std::string> raw = tool;
  raw.insert(raw.end(), logs.begin(), logs.end());
  if (const Status started = start(raw_path, raw); !started) failed_ = started.error();
  return true;
}

std::optional<Result<std::string>> Rescue::poll() {
  if (runs_.empty()) return std::nullopt;
  for (auto run = runs_.begin(); run != runs_.end();) {
    int how = 0;
    if (::waitpid(run->process, &how, WNOHANG) != run->process) {
      ++run;
      continue;
    }
    const std::string part = run->path + unfinished;
    const platform::Fd file{::open(part.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!WIFEXITED(how) || WEXITSTATUS(how) != 0) {
      failed_ = Error{ErrorCode::system,
                      fmt::format("the tool that reads the binary logs failed; {} is what it wrote", part)};
    } else if (!file || ::fsync(file.number()) != 0 || std::rename(part.c_str(), run->path.c_str()) != 0) {
      failed_ = Error{ErrorCode::system, fmt::format("cannot keep {}: {}", run->path, std::strerror(errno))};
    }
    run = runs_.erase(run);
  }
  if (!runs_.empty()) return std::nullopt;
  if (failed_) return Result<std::string>{*failed_};
  return Result<std::string>{path_};
}

}  // namespace clusteragent::mysql
