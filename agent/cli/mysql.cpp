// `clusteragent mysql verify`: has both servers' tables compared.
// `clusteragent mysql init`: prepares this node's server for <mysqlreplication>; `mysql backup`: a backup of the
// standby's. The work is done by the module's own scripts with the server's programs, so that the agent has nothing of
// MySQL in it.
#include <errno.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>

#include "agent/cli/verbs.hpp"
#include "agent/cli/verify.hpp"
#include "agent/config/config.hpp"
#include "agent/control/backup_source.hpp"
#include "agent/platform/environment.hpp"

namespace clusteragent::cli {
namespace {

constexpr std::size_t host_name_bytes_max = 256;

struct Loaded {
  config::ClusterConfig cluster;
  config::ModuleConfig module;
  NodeId self;
};

Error in_error(const std::string& file) {
  return {ErrorCode::configuration, fmt::format("{} has errors; clusteragent config check shows them", file)};
}

std::string host_name() {
  std::array<char, host_name_bytes_max> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : std::string{};
}

Result<Loaded> load(const Context& context, const std::string& module) {
  const auto cluster_text = config::read_file(context.paths.cluster_file());
  if (!cluster_text) return cluster_text.error();
  auto cluster = config::parse_cluster(*cluster_text, context.paths.cluster_file());
  if (!cluster.value) return in_error(context.paths.cluster_file());
  const std::string file = context.paths.user_config(module);
  const auto text = config::read_file(file);
  if (!text) return text.error();
  auto parsed = config::parse_module(*text, file, &*cluster.value, platform::process_environment);
  if (!parsed.value) return in_error(file);
  const auto self = config::own_node(*cluster.value, {context.node, host_name(), {}});
  if (!self) return self.error();
  return Loaded{std::move(*cluster.value), std::move(*parsed.value), *self};
}

/// Does not return unless it fails.
Error become(const std::string& script, std::vector<std::string> words) {
  words.insert(words.begin(), script);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execv(script.c_str(), arguments.data());
  return {ErrorCode::system,
          fmt::format("cannot run {}: {}; copy the module's bin folder anew", script, std::strerror(errno))};
}

Result<Loaded> load_servers(const Context& context, const std::string& module, const std::string& why_root) {
  auto loaded = load(context, module);
  if (loaded && !loaded->module.mysql) {
    return Error{ErrorCode::configuration,
                 fmt::format("{} has no <mysqlreplication>: there are no servers", loaded->module.file)};
  }
  if (loaded && ::geteuid() != 0) return Error{ErrorCode::refused, "needs root: " + why_root};
  return loaded;
}

int init(const Context& context, const std::string& option_file) {
  const auto module = find_module(context);
  if (!module) return fail(module.error());
  const auto loaded =
      load_servers(context, *module, "it logs in to the server as root, and writes a file of passwords");
  if (!loaded) return fail(loaded.error());
  const config::MysqlReplicationConfig& mysql = *loaded->module.mysql;
  const auto path = config::replication_paths(loaded->module, loaded->cluster, loaded->self).front();
  std::vector<std::string> words{
      "--socket",   mysql.socket,        "--port",      std::to_string(mysql.port),
      "--accounts", mysql.accounts_file, "--server-id", std::to_string(loaded->self.value() + 1),
      "--own",      path.local.text(),   "--peer",      path.peer.text()};
  if (!option_file.empty()) words.insert(words.end(), {"--option-file", option_file});
  return fail(become(context.paths.bin_dir(*module) + "/mysql_init", std::move(words)));
}

struct BackupWishes {
  std::string target;
  bool is_any_age = false;
  bool is_dump = false;
};

int backup(const Context& context, const BackupWishes& wishes) {
  const auto module = find_module(context);
  if (!module) return fail(module.error());
  const auto loaded = load_servers(context, *module, "it reads the file of passwords, and all data");
  if (!loaded) return fail(loaded.error());
  const auto status = ask_status(context, *module);
  if (!status) return fail(status.error());
  const config::MysqlReplicationConfig& mysql = *loaded->module.mysql;
  const auto source = control::mysql_backup_source(*status, to_milliseconds(mysql.lag_limit), wishes.is_any_age);
  if (!source) return fail(source.error());
  const auto path = config::replication_paths(loaded->module, loaded->cluster, loaded->self).front();
  return fail(become(context.paths.bin_dir(*module) + "/mysql_backup",
                     {"--source", source->is_here ? "own" : "peer", "--node", source->node, "--address",
                      path.peer.text(), "--socket", mysql.socket, "--port", std::to_string(mysql.port), "--accounts",
                      mysql.accounts_file, "--age", source->lag, "--dump", wishes.is_dump ? "1" : "0", wishes.target}));
}

}  // namespace

void add_mysql(const Program& program) {
  auto* verb = program.app.add_subcommand("mysql", "The replicating servers (<mysqlreplication>)");
  verb->require_subcommand(1);
  auto* prepare = verb->add_subcommand("init", "Check this node's server, propose its options, make the accounts");
  auto option_file = std::make_shared<std::string>();
  prepare->add_option("--option-file", *option_file, "Write the proposed options to FILE")->type_name("FILE");
  auto* compare = verb->add_subcommand("verify", "Compare both servers' tables while they work; on the primary");
  auto wishes = std::make_shared<VerifyWishes>();
  compare->add_flag("--wait", wishes->waits, "Wait for the result; exit code 6: the tables differ");
  compare->callback([program, wishes] { program.exit_code = verify(program.context, *wishes); });
  prepare->callback([program, option_file] { program.exit_code = init(program.context, *option_file); });
  auto* save = verb->add_subcommand("backup", "Back the standby's server up, from either node, with its GTID position");
  auto target = std::make_shared<BackupWishes>();
  save->add_option("TARGET", target->target,
                   "What is made: a directory by mariadb-backup where the standby is this node, else a file of SQL")
      ->required();
  save->add_flag("--dump", target->is_dump, "A file of SQL in any case");
  save->add_flag("--any-age", target->is_any_age, "Also of a standby that is further behind than lag_limit");
  save->callback([program, target] { program.exit_code = backup(program.context, *target); });
}

}  // namespace clusteragent::cli
