#include "modules/mysql_replication/engine/provision/scratch_server.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <pwd.h>
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace clusteragent::mysql {
namespace {

namespace fs = std::filesystem;

constexpr unsigned has_initialize = 507;
constexpr unsigned has_two_words = 800;  // SOURCE and REPLICA beside MASTER and SLAVE
constexpr Duration make_limit = std::chrono::minutes{10};
constexpr Duration kill_limit = std::chrono::seconds{10};
constexpr Duration start_limit = std::chrono::minutes{10};
// A clean shutdown writes back what a load has changed.
constexpr Duration stop_limit = std::chrono::minutes{30};
constexpr std::chrono::milliseconds look_interval{100};
constexpr std::chrono::seconds connect_limit{5};
// One statement may be a whole copy.
constexpr std::chrono::seconds answer_limit = std::chrono::hours{24};
constexpr std::size_t said_bytes_max = 300;
constexpr const char* error_log = "/error.log";

/// A line of a shell, as the other commands of the configuration are, with more words behind it.
std::vector<std::string> shell_words(const std::string& command, const std::vector<std::string>& more) {
  std::vector<std::string> words{"sh", "-c", "exec " + command + " \"$@\"", "sh"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::string command_of(const ScratchOptions& options) {
  return options.command.empty() ? programs_of(options.family).server : options.command;
}

std::vector<std::string> where_words(const ScratchOptions& options) {
  std::vector<std::string> words{"--user=" + options.owner,         "--datadir=" + options.folder,
                                 "--tmpdir=" + options.work_folder, "--innodb-data-home-dir=./",
                                 "--innodb-log-group-home-dir=./",  "--loose-innodb-undo-directory=./"};
  for (const char* name : data_settings) {
    const auto found = options.settings.find(name);
    if (found == options.settings.end() || found->second.empty()) continue;
    std::string option = name;
    std::replace(option.begin(), option.end(), '_', '-');
    words.push_back(fmt::format("--{}={}", option, found->second));
  }
  return words;
}

std::vector<std::string> run_words(const ScratchOptions& options) {
  std::vector<std::string> words = where_words(options);
  const std::string own = options.work_folder + "/";
  for (const char* each : {"--skip-networking", "--skip-slave-start", "--read-only=OFF", "--loose-super-read-only=OFF",
                           "--event-scheduler=OFF", "--general-log=OFF", "--slow-query-log=OFF", "--loose-mysqlx=OFF",
                           "--loose-rpl-semi-sync-master-enabled=OFF", "--loose-rpl-semi-sync-source-enabled=OFF",
                           "--innodb-buffer-pool-size=134217728", "--innodb-flush-log-at-trx-commit=2",
                           "--sync-binlog=0", "--max-allowed-packet=1073741824"})
    words.emplace_back(each);
  words.insert(words.end(), {"--socket=" + own + "socket", "--pid-file=" + own + "pid",
                             "--log-error=" + options.work_folder + error_log, "--relay-log=" + own + "relaylog",
                             "--relay-log-index=" + own + "relaylog.index"});
  if (options.family == Family::mariadb) {
    words.insert(words.end(), {"--skip-log-bin", "--gtid-strict-mode=OFF"});
    return words;
  }
  // What it has to know of the primary's GTIDs MySQL 5.6 keeps in a binary log alone.
  words.insert(words.end(),
               {"--server-id=4294967294", "--log-bin=" + own + "binlog", "--log-bin-index=" + own + "binlog.index",
                "--gtid-mode=ON", "--enforce-gtid-consistency=ON"});
  if (options.version < has_two_words) words.emplace_back("--log-slave-updates=ON");
  for (const std::string& each : options.plugins) words.push_back("--plugin-load-add=" + each);
  // The progress of a clone is there.
  if (!options.plugins.empty()) words.emplace_back("--performance-schema=ON");
  return words;
}

Status give_to_owner(const std::string& path, const std::string& owner) {
  const passwd* const user = ::getpwnam(owner.c_str());
  if (user != nullptr && ::chown(path.c_str(), user->pw_uid, user->pw_gid) == 0) return success();
  return Error{ErrorCode::system, fmt::format("cannot give {} to user {}: {}", path, owner, std::strerror(errno))};
}

}  // namespace

Accounts root_of_scratch(const Accounts& known) {
  return {{"root", ""}, known.agent, {}};
}

void end_left_over(const std::string& folder) {
  const std::string wanted = "--datadir=" + folder;
  std::error_code ignored;
  for (fs::directory_iterator at{"/proc", ignored}, end; at != end; at.increment(ignored)) {
    pid_t process = 0;
    const std::string name = at->path().filename().string();
    const auto number = std::from_chars(name.data(), name.data() + name.size(), process);
    if (number.ptr != name.data() + name.size() || process <= 1 || process == ::getpid()) continue;
    std::ifstream words{at->path() / "cmdline", std::ios::binary};
    bool is_of_it = false;
    for (std::string word; std::getline(words, word, '\0');) is_of_it = is_of_it || word == wanted;
    const auto since = std::chrono::steady_clock::now();
    while (is_of_it && ::kill(process, SIGKILL) == 0 && std::chrono::steady_clock::now() - since < kill_limit)
      std::this_thread::sleep_for(look_interval);
  }
}

bool has_program(const std::string& name) {
  const char* const path = std::getenv("PATH");
  std::istringstream folders{path == nullptr ? "" : path};
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::access((folder + "/" + name).c_str(), X_OK) == 0) return true;
  }
  return false;
}

Status ScratchServer::make_data(const ScratchOptions& options, const IsUnwanted& is_unwanted) {
  std::error_code problem;
  fs::create_directory(options.work_folder, problem);
  if (problem)
    return Error{ErrorCode::system, fmt::format("cannot make {}: {}", options.work_folder, problem.message())};
  for (const std::string& each :
       {fs::path{options.folder}.parent_path().string(), options.folder, options.work_folder}) {
    if (const Status given = give_to_owner(each, options.owner); !given) return given;
  }
  ChildPlan plan;
  plan.log_path = options.log_folder + "/empty-data.log";
  std::vector<std::string> words = where_words(options);
  if (options.family == Family::mariadb) {
    plan.words = {"mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"};
    plan.words.insert(plan.words.end(), words.begin(), words.end());
    plan.remedy = "install it (package mariadb-server) on both nodes";
  } else if (options.version < has_initialize) {
    plan.words = {"mysql_install_db", "--user=" + options.owner, "--datadir=" + options.folder};
    plan.remedy = "it belongs to the server and must be in PATH";
  } else {
    words.insert(words.begin(), "--initialize-insecure");
    plan.words = shell_words(command_of(options), words);
  }
  return run_child(plan, make_limit, is_unwanted);
}

Result<ScratchServer> ScratchServer::start(const ScratchOptions& options, const Accounts& accounts,
                                           const IsUnwanted& is_unwanted) {
  auto process = Child::start({.words = shell_words(command_of(options), run_words(options)),
                               .log_path = options.log_folder + "/scratch-server.log",
                               .remedy = "set server_command"});
  if (!process) return process.error();
  ScratchServer server{options, accounts, std::move(*process)};
  const auto since = std::chrono::steady_clock::now();
  std::string last;
  while (!server.has_ended()) {
    const auto connection = server.connect();
    if (connection) return server;
    last = connection.error().message;
    if (is_unwanted()) return Error{ErrorCode::refused, "the copy is no longer wanted"};
    if (std::chrono::steady_clock::now() - since > start_limit) return server.failed("does not answer: " + last);
    std::this_thread::sleep_for(look_interval);
  }
  return server.failed("does not start");
}

Result<Connection> ScratchServer::connect() const {
  return Connection::open({.socket = socket(),
                           .address = "",
                           .port = 0,
                           .accounts = accounts_,
                           .connect_limit = connect_limit,
                           .answer_limit = answer_limit});
}

std::string ScratchServer::socket() const {
  return options_.work_folder + "/socket";
}

Status ScratchServer::stop(const IsUnwanted& is_unwanted) {
  const Status ended = process_.end(stop_limit, is_unwanted);
  return ended ? ended : Status{failed("does not end in order")};
}

Error ScratchServer::failed(const std::string& what) const {
  // The folder goes when the copy fails.
  const std::string kept = options_.log_folder + "/scratch-server-error.log";
  std::error_code ignored;
  fs::copy_file(options_.work_folder + error_log, kept, fs::copy_options::overwrite_existing, ignored);
  std::ifstream lines{kept};
  std::string last;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("[ERROR]") != std::string::npos) last = line;
  }
  return {ErrorCode::system, fmt::format("the server that the copy is made with ({}) {}; its error log says: {} ({})",
                                         command_of(options_), what, last.substr(0, said_bytes_max), kept)};
}

}  // namespace clusteragent::mysql
