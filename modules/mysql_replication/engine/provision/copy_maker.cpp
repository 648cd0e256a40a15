#include "modules/mysql_replication/engine/provision/copy_maker.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <mysql.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <future>

#include "agent/platform/fd.hpp"
#include "modules/mysql_replication/engine/dialect/dialect.hpp"
#include "modules/mysql_replication/engine/provision/scratch_server.hpp"

namespace clusteragent::mysql {
namespace {

constexpr std::chrono::milliseconds progress_interval{500};
constexpr Duration client_limit = std::chrono::hours{24};
constexpr Duration shutdown_limit = std::chrono::minutes{10};
// "Restart server failed (mysqld is not managed by supervisor process)": the data are there, and the server ends.
constexpr unsigned restart_failed = 3707;
// What the servers count their limits in.
constexpr std::uint64_t mebibyte = 1024 * 1024;

Result<ScratchOptions> scratch_options(const CopyPlace& place, const CopyHead& head) {
  const auto dialect = dialect_of(head.version);
  if (!dialect) return dialect.error();
  const auto owner = place.data.owner();
  if (!owner) return owner.error();
  ScratchOptions options;
  options.family = (*dialect)->family();
  options.version = version_number(head.version);
  options.command = place.options.server_command;
  options.folder = place.data.incoming();
  options.work_folder = place.data.arrivals() + "/work";
  options.owner = *owner;
  options.log_folder = place.options.state_path;
  options.settings = head.settings;
  return options;
}

std::string cell_of(const Result<Rows>& rows) {
  return rows && !rows->empty() ? text_of(rows->front(), "value") : std::string{};
}

/// Of a clone that is under way.
void look_at_progress(const ScratchServer& server, const OnBytes& progress) {
  auto connection = server.connect();
  if (!connection) return;
  const auto rows =
      connection->query("SELECT SUM(DATA) AS done, SUM(ESTIMATE) AS estimate FROM performance_schema.clone_progress");
  if (rows && !rows->empty()) progress(number_of(rows->front(), "done"), number_of(rows->front(), "estimate"));
}

std::vector<std::string> clone_statements(const CopyPlace& place) {
  const Options& options = place.options;
  const Account& account = place.accounts.agent;
  std::vector<std::string> statements{"SET GLOBAL clone_valid_donor_list = " +
                                      mysql::quoted(fmt::format("{}:{}", options.peer_address, options.peer_port))};
  if (options.copy_bytes_per_second > 0) {
    const std::uint64_t limit = std::max<std::uint64_t>(1, options.copy_bytes_per_second / mebibyte);
    statements.push_back(fmt::format("SET GLOBAL clone_max_network_bandwidth = {}", limit));
    statements.push_back(fmt::format("SET GLOBAL clone_max_data_bandwidth = {}", limit));
  }
  statements.push_back(fmt::format("CLONE INSTANCE FROM {}@{}:{} IDENTIFIED BY {}", mysql::quoted(account.user),
                                   mysql::quoted(options.peer_address), options.peer_port,
                                   mysql::quoted(account.password)));
  return statements;
}

/// Its last statement ends with the server.
Status run_clone(const ScratchServer& server, const std::vector<std::string>& statements) {
  auto connection = server.connect();
  if (!connection) return connection.error();
  for (const std::string& each : statements) {
    const auto done = connection->query(each);
    if (done || connection->is_lost() || connection->error_number() == restart_failed) continue;
    return done.error();
  }
  return success();
}

Status fetch_clone(ScratchServer& server, const CopyPlace& place, CopyStream& stream, const OnBytes& progress) {
  auto cloning = std::async(std::launch::async, [&server, statements = clone_statements(place)] {
    mysql_thread_init();
    Status done = run_clone(server, statements);
    mysql_thread_end();
    return done;
  });
  while (cloning.wait_for(progress_interval) == std::future_status::timeout) {
    if (stream.is_over()) {
      server.kill();
      cloning.wait();
      return Error{ErrorCode::unreachable, stream.why_over()};
    }
    look_at_progress(server, progress);
  }
  return cloning.get();
}

}  // namespace

Result<std::string> clone_data(const CopyPlace& place, const CopyHead& head, CopyStream& stream,
                               const OnBytes& progress) {
  auto options = scratch_options(place, head);
  if (!options) return options.error();
  const auto is_unwanted = [&stream] { return stream.is_over(); };
  if (const Status made = ScratchServer::make_data(*options, is_unwanted); !made) return made.error();
  options->plugins = head.plugins;
  {
    auto server = ScratchServer::start(*options, root_of_scratch(place.accounts), is_unwanted);
    if (!server) return server.error();
    if (const Status cloned = fetch_clone(*server, place, stream, progress); !cloned) {
      return Error{ErrorCode::system, "the primary's data cannot be cloned: " + cloned.error().message +
                                          "; the agent's account needs BACKUP_ADMIN there"};
    }
    const auto since = std::chrono::steady_clock::now();
    while (!server->has_ended() && std::chrono::steady_clock::now() - since < shutdown_limit && !stream.is_over())
      std::this_thread::sleep_for(progress_interval);
  }
  // Once more: only a start makes a data directory of what was cloned, and shows that it is one.
  auto server = ScratchServer::start(*options, place.accounts, is_unwanted);
  if (!server) return server.error();
  auto connection = server->connect();
  if (!connection) return connection.error();
  const std::string result = cell_of(connection->query(
      "SELECT CONCAT(STATE, ' ', ERROR_NO, ' ', ERROR_MESSAGE) AS value FROM performance_schema.clone_status"));
  if (!result.starts_with("Completed 0"))
    return Error{ErrorCode::system, "the clone of the primary's data is not complete: " + result};
  const std::string position = cell_of(connection->query("SELECT @@global.gtid_executed AS value"));
  if (const Status stopped = server->stop(place.is_unwanted); !stopped) return stopped.error();
  return position;
}

Result<std::string> load_dump(const CopyPlace& place, const CopyHead& head, CopyStream& stream,
                              const OnBytes& progress) {
  auto options = scratch_options(place, head);
  if (!options) return options.error();
  const auto is_unwanted = [&stream] { return stream.is_over(); };
  if (const Status made = ScratchServer::make_data(*options, is_unwanted); !made) return made.error();
  auto server = ScratchServer::start(*options, root_of_scratch(place.accounts), is_unwanted);
  if (!server) return server.error();
  // Opened now: the dump brings the primary's accounts, and root may have a password there. It has nothing to say until
  // all of that is loaded.
  auto connection = server->connect();
  if (!connection) return connection.error();
  if (const auto patient = connection->query("SET SESSION wait_timeout = 31536000"); !patient) return patient.error();
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return Error{ErrorCode::system, fmt::format("cannot make a pipe: {}", std::strerror(errno))};
  platform::Fd from{ends[0]};
  platform::Fd to{ends[1]};
  auto client =
      Child::start({.words = {programs_of(options->family).client, "--no-defaults", "--user=root",
                              "--socket=" + server->socket(), "--binary-mode", "--max-allowed-packet=1073741824"},
                    .input = from.number(),
                    .log_path = place.options.state_path + "/load.log",
                    .remedy = "install the server's client programs on both nodes"});
  from.reset();
  if (!client) return client.error();
  stream.begin();
  std::uint64_t bytes = 0;
  const Status fed = stream.feed(to.number(), [&](std::uint64_t more) { progress(bytes += more, 0); });
  to.reset();
  if (!fed && fed.error().code == ErrorCode::unreachable) return fed.error();
  // What it says of itself is better than that nobody reads the pipe.
  if (const Status loaded = client->wait(client_limit, place.is_unwanted); !loaded) return loaded.error();
  if (!fed) return fed.error();
  const bool is_mariadb = options->family == Family::mariadb;
  const auto position = connection->query(is_mariadb ? "SELECT @@global.gtid_slave_pos AS value"
                                                     : "SELECT @@global.gtid_executed AS value");
  if (!position) return position.error();
  if (const Status stopped = server->stop(place.is_unwanted); !stopped) return stopped.error();
  return cell_of(position);
}

}  // namespace clusteragent::mysql
