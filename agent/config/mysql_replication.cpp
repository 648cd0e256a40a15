#include "agent/config/mysql_replication.hpp"

#include <fmt/format.h>

namespace clusteragent::config {
namespace {

constexpr std::size_t socket_bytes_max = 107;  // of sockaddr_un, without its last zero
constexpr std::uint64_t megabyte = 1'000'000;

class MysqlReplicationRules {
 public:
  MysqlReplicationRules(const Section& section, const Section* rfs, Diagnostics& diagnostics)
      : section_{section}, rfs_{rfs}, diagnostics_{diagnostics} {}

  void check() {
    check_alone();
    for (const char* path : {"accounts", "socket", "datadir"}) check_path(section_[path]);
    check_socket();
    check_data_directory();
  }

 private:
  void error(const Value& value, const std::string& what, const std::string& allowed = {}) {
    diagnostics_.error(value.at, fmt::format("{} {}", name_attribute(*value.row, value.text), what),
                       {value.text, allowed, {}});
  }

  /// Two that copy the same data would undo each other's work, and each would promise what the other breaks.
  void check_alone() {
    if (rfs_ == nullptr) return;
    diagnostics_.error(section_.at,
                       fmt::format("<mysqlreplication> cannot go with <rfs> of line {}: one of them copies "
                                   "the server's files and needs it stopped on the standby, the other "
                                   "needs a server that runs on both nodes. Remove one",
                                   rfs_->at.line));
  }

  void check_path(const Value& path) {
    if (path.is_valid && path.text.front() != '/') error(path, "is a path of Windows", "a path that begins with /");
  }

  void check_socket() {
    const Value& socket = section_["socket"];
    if (!socket.is_valid || socket.text.size() <= socket_bytes_max) return;
    error(socket, "is longer than the name of a socket may be", fmt::format("at most {} bytes", socket_bytes_max));
  }

  void check_data_directory() {
    const Value& directory = section_["datadir"];
    if (!directory.is_valid) return;
    std::string path = directory.text;
    while (!path.empty() && path.back() == '/') path.pop_back();
    const Value& accounts = section_["accounts"];
    if (accounts.is_valid && accounts.text.starts_with(path + "/")) {
      error(accounts, fmt::format("lies in the data directory {}, and would go when that is replaced", path),
            "a path outside of it");
    }
  }

  const Section& section_;
  const Section* rfs_;
  Diagnostics& diagnostics_;
};

}  // namespace

void check_mysql_replication(const Section& replication, const Section* rfs, Diagnostics& diagnostics) {
  MysqlReplicationRules{replication, rfs, diagnostics}.check();
}

MysqlReplicationConfig build_mysql_replication(const Section& replication) {
  MysqlReplicationConfig out;
  out.accounts_file = replication["accounts"].text;
  out.socket = replication["socket"].text;
  out.port = static_cast<std::uint16_t>(replication["port"].number);
  out.lan = replication["lan"].text;
  out.data_directory = replication["datadir"].text;
  out.has_semi_sync = replication["semisync"].is_on();
  out.errant = replication["errant"].text == "provision" ? ErrantReaction::provision : ErrantReaction::ask;
  out.drain_limit = replication["drain_timeout"].duration();
  out.switch_limit = replication["switch_timeout"].duration();
  out.lag_limit = replication["lag_limit"].duration();
  out.binlog_bytes_max = static_cast<std::uint64_t>(replication["binlog_limit"].number) * megabyte;
  out.start_command = replication["start_command"].text;
  out.stop_command = replication["stop_command"].text;
  return out;
}

}  // namespace clusteragent::config
