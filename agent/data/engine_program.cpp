#include "agent/data/engine_program.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>

namespace clusteragent::data {
namespace {

constexpr const char* mysql_engine = "clusteragent-mysql";
constexpr mode_t others = 077;

Json to_json(const std::vector<FurtherReplica>& replicas) {
  Json all = Json::array();
  for (const FurtherReplica& each : replicas) {
    all.push_back({{"address", each.address},
                   {"port", each.port},
                   {"own_address", each.own_address},
                   {"peer_address", each.peer_address}});
  }
  return all;
}

Json to_json(const MysqlOptions& options) {
  return {{"do", "configure"},
          {"module", options.module},
          {"node", options.node},
          {"state_path", options.state_path},
          {"own_address", options.own_address},
          {"peer_address", options.peer_address},
          {"port", options.port},
          {"socket", options.socket},
          {"user_file", options.accounts_file},
          {"semi_sync", options.has_semi_sync},
          {"errant", options.provisions_errant ? "provision" : "ask"},
          {"drain_limit_ns", options.drain_limit.count()},
          {"switch_limit_ns", options.switch_limit.count()},
          {"lag_limit_ms", to_milliseconds(options.lag_limit)},
          {"binlog_bytes_max", options.binlog_bytes_max},
          {"data_directory", options.data_directory},
          {"copy_port", options.copy_port},
          {"copy_bytes_per_second", options.copy_bytes_per_second},
          {"keys", to_json(options.keys)},
          {"start_command", options.start_command},
          {"stop_command", options.stop_command},
          {"server_command", options.server_command},
          {"replicas", to_json(options.replicas)}};
}

}  // namespace

EngineProgram filesync_program(const EngineOptions& options, const std::string& agent_binary) {
  EngineProgram program;
  program.executable = agent_binary;
  // The agent and its engine are told apart in a list of processes.
  program.arguments = {"clusteragent-filesync", "filesync"};
  program.name = "filesync";
  program.component = "rfs";
  program.configuration = to_json(options);
  std::vector<std::string> paths;
  for (const EngineDirectory& each : options.directories) paths.push_back(each.path);
  program.without =
      fmt::format("what the application tries on {} fails until it is started again", fmt::join(paths, ", "));
  program.progress_without = {{"state", "engine died"}, {"directories", paths}};
  return program;
}

Result<EngineProgram> mysql_program(const MysqlOptions& options, const std::string& agent_binary) {
  if (const Status checked = check_accounts_file(options.accounts_file); !checked) return checked.error();
  const auto found = find_mysql_engine(agent_binary);
  if (!found) return found.error();
  EngineProgram program;
  program.executable = *found;
  program.arguments = {mysql_engine};
  program.name = mysql_engine;
  program.component = "mysql";
  program.configuration = to_json(options);
  program.without = "the server goes on as it is, and nobody looks at its replication until it is started again";
  program.progress_without = {{"engine", "mysql"}, {"state", "engine died"}};
  return program;
}

Result<std::string> find_mysql_engine(const std::string& agent_binary) {
  const std::filesystem::path folder = std::filesystem::path{agent_binary}.parent_path();
  const std::array candidates{folder, folder / "../modules/mysql_replication", folder / "../lib/clusteragent",
                              std::filesystem::path{"/usr/lib/clusteragent"}};
  for (const std::filesystem::path& candidate : candidates) {
    const std::string path = (candidate / mysql_engine).lexically_normal();
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return Error{ErrorCode::configuration,
               fmt::format("<mysqlreplication> needs {}, and it is neither beside {} nor in {}: build and install it "
                           "(it is left out of a build without libmariadb-dev)",
                           mysql_engine, agent_binary, candidates[2].lexically_normal().string())};
}

Status check_accounts_file(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) {
    return Error{ErrorCode::configuration, fmt::format("cannot read the accounts in {}: {}; clusteragent mysql init "
                                                       "makes them, or copy the file from the other node",
                                                       path, std::strerror(errno))};
  }
  if (!S_ISREG(about.st_mode))
    return Error{ErrorCode::configuration, fmt::format("{}, which is to hold the accounts, is no file", path)};
  if (about.st_uid != 0 && about.st_uid != ::geteuid()) {
    return Error{ErrorCode::configuration,
                 fmt::format("{} holds passwords and belongs to user {}: chown root {}", path, about.st_uid, path)};
  }
  if ((about.st_mode & others) == 0) return success();
  return Error{ErrorCode::configuration, fmt::format("{} holds passwords and others may read it (mode {:04o}): chmod "
                                                     "0600 {}",
                                                     path, about.st_mode & 07777U, path)};
}

}  // namespace clusteragent::data
