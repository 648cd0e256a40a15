// `clusteragent mysql init`: prepares this node's server for <mysqlreplication>. The work is done by the module's own
// script with the server's client, so that the agent has nothing of MySQL in it.
#include <errno.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>

#include "agent/cli/verbs.hpp"
#include "agent/config/config.hpp"
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

int init(const Context& context, const std::string& option_file) {
  const auto module = find_module(context);
  if (!module) return fail(module.error());
  const auto loaded = load(context, *module);
  if (!loaded) return fail(loaded.error());
  if (!loaded->module.mysql) {
    return fail({ErrorCode::configuration,
                 fmt::format("{} has no <mysqlreplication>: there is nothing to prepare", loaded->module.file)});
  }
  if (::geteuid() != 0) {
    return fail({ErrorCode::refused, "needs root: it logs in to the server as root, and writes a file of passwords"});
  }
  const config::MysqlReplicationConfig& mysql = *loaded->module.mysql;
  const auto path = config::replication_paths(loaded->module, loaded->cluster, loaded->self).front();
  std::vector<std::string> words{
      "--socket",   mysql.socket,        "--port",      std::to_string(mysql.port),
      "--accounts", mysql.accounts_file, "--server-id", std::to_string(loaded->self.value() + 1),
      "--own",      path.local.text(),   "--peer",      path.peer.text()};
  if (!option_file.empty()) words.insert(words.end(), {"--option-file", option_file});
  return fail(become(context.paths.bin_dir(*module) + "/mysql_init", std::move(words)));
}

}  // namespace

void add_mysql(const Program& program) {
  auto* verb = program.app.add_subcommand("mysql", "The replicating servers (<mysqlreplication>)");
  verb->require_subcommand(1);
  auto* prepare = verb->add_subcommand("init", "Check this node's server, propose its options, make the accounts");
  auto option_file = std::make_shared<std::string>();
  prepare->add_option("--option-file", *option_file, "Write the proposed options to FILE")->type_name("FILE");
  prepare->callback([program, option_file] { program.exit_code = init(program.context, *option_file); });
}

}  // namespace clusteragent::cli
