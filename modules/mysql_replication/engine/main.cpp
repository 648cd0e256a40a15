// clusteragent-mysql: the process that drives the MySQL or MariaDB replication of one module. Started by the agent with
// the protocol's socket on descriptor 3 (the words are those of file replication); ends when the agent does.
#include <errmsg.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <mysql.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <mutex>
#include <vector>

#include "modules/mysql_replication/engine/worker.hpp"

namespace clusteragent::mysql {
namespace {

constexpr int engine_descriptor = 3;
constexpr std::size_t message_bytes_max = 64 * 1024;

class Engine {
 public:
  int run();

 private:
  void tell(const Json& message);
  void carry_out(const Json& command);
  Status configure(const Json& command);

  std::mutex sending_;
  std::string problem_ = "configure did not come";  // why there is no worker
  std::unique_ptr<Worker> worker_;
};

void Engine::tell(const Json& message) {
  const std::string text = message.dump(-1, ' ', false, Json::error_handler_t::replace);
  const std::lock_guard lock{sending_};
  (void)!::send(engine_descriptor, text.data(), text.size(), MSG_NOSIGNAL);
}

Status Engine::configure(const Json& command) {
  auto options = read_options(command);
  if (!options) return options.error();
  auto accounts = read_accounts(options->user_file);
  if (!accounts) return accounts.error();
  if (::mkdir(options->state_path.c_str(), 0700) != 0 && errno != EEXIST) {
    return Error{ErrorCode::system,
                 fmt::format("cannot make the folder {}: {}", options->state_path, std::strerror(errno))};
  }
  worker_ = std::make_unique<Worker>(std::move(*options), std::move(*accounts),
                                     [this](const Json& message) { tell(message); });
  return success();
}

void Engine::carry_out(const Json& command) {
  const std::string what = command.value("do", "");
  if (what == "configure") {
    const Status done = configure(command);
    if (done) return;
    problem_ = done.error().message;
    tell({{"is", "note"}, {"level", "C"}, {"text", problem_}});
    tell({{"is", "progress"}, {"status", {{"state", "refused"}, {"problem", problem_}}}});
    return;
  }
  const bool is_role = what == "lead" || what == "follow" || what == "release";
  const bool is_known = is_role || what == "verify";
  if (worker_ && (is_known || what == "allow_solo" || what == "give_up" || what == "keys"))
    return worker_->order(command);
  if (!command.contains("token")) return;
  // Nothing was touched, so there is nothing to let go of.
  const bool is_released = what == "release";
  tell({{"is", "finished"},
        {"token", command.at("token")},
        {"ok", is_released},
        {"detail", is_released ? ""
                   : is_known  ? problem_
                               : "MySQL replication does not know the order " + what}});
}

int Engine::run() {
  std::vector<char> message(message_bytes_max);
  for (;;) {
    const ssize_t size = ::recv(engine_descriptor, message.data(), message.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    carry_out(Json::parse(message.data(), message.data() + size));
  }
  worker_.reset();
  return 0;
}

}  // namespace

int run_engine() {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(engine_descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET) {
    fmt::print(stderr, "clusteragent-mysql is started by the agent (clusteragent run), not by hand\n");
    return 2;
  }
  ::close_range(engine_descriptor + 1, ~0U, 0);
  ::fcntl(engine_descriptor, F_SETFD, FD_CLOEXEC);
  std::signal(SIGPIPE, SIG_IGN);
  // Rescue files and copies hold the application's data.
  ::umask(077);
  mysql_library_init(0, nullptr, nullptr);
  return Engine{}.run();
}

}  // namespace clusteragent::mysql

int main() {
  return clusteragent::mysql::run_engine();
}
