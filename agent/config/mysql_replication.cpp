#include "agent/config/mysql_replication.hpp"

#include <fmt/format.h>

#include <map>

#include "agent/config/time_of_day.hpp"

namespace clusteragent::config {
namespace {

constexpr std::size_t socket_bytes_max = 107;  // of sockaddr_un, without its last zero
constexpr std::uint64_t megabyte = 1'000'000;

class MysqlReplicationRules {
 public:
  MysqlReplicationRules(const Section& section, const Section& service, const ClusterConfig* cluster,
                        Diagnostics& diagnostics)
      : section_{section}, service_{service}, cluster_{cluster}, diagnostics_{diagnostics} {}

  void check() {
    check_alone();
    for (const char* path : {"accounts", "socket", "datadir"}) check_path(section_[path]);
    check_socket();
    check_data_directory();
    std::map<std::string, Position> seen;
    for (const Section* replica : section_.all("replica")) check_replica(*replica, seen);
    const Value& verify_at = section_["verify_at"];
    if (verify_at.is_set() && verify_at.is_valid && !time_of_day(verify_at.text))
      error(verify_at, "is no time of day", "HH:MM, from 00:00 to 23:59, in the local time of the primary");
  }

 private:
  void error(const Value& value, const std::string& what, const std::string& allowed = {}) {
    diagnostics_.error(value.at, fmt::format("{} {}", name_attribute(*value.row, value.text), what),
                       {value.text, allowed, {}});
  }

  /// Two that copy the same data would undo each other's work, and each would promise what the other breaks.
  void check_alone() {
    const Section* const rfs = service_.find("rfs");
    if (rfs == nullptr) return;
    diagnostics_.error(section_.at,
                       fmt::format("<mysqlreplication> cannot go with <rfs> of line {}: one of them copies "
                                   "the server's files and needs it stopped on the standby, the other "
                                   "needs a server that runs on both nodes. Remove one",
                                   rfs->at.line));
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

  /// A name is looked up while the primary is changed, and may take longer than that.
  void check_replica(const Section& replica, std::map<std::string, Position>& seen) {
    const Value& address = replica["addr"];
    const Value& port = replica["port"];
    if (!address.is_valid || !port.is_valid) return;
    const auto host = HostAddress::parse(address.text);
    if (!host || !host->ip()) return error(address, "is a name", "an IPv4 or IPv6 address");
    if (host->ip()->is_unspecified() || host->ip()->is_multicast())
      return error(address, "is the address of no server", "an address that the server has");
    const std::string key = fmt::format("{} port {}", address.text, port.text);
    if (const auto [known, is_new] = seen.try_emplace(key, replica.at); !is_new)
      return error(address, fmt::format("with port {} stands in line {} already", port.text, known->second.line));
    check_is_no_node(address, port);
    check_is_no_virtual_address(address);
  }

  void check_is_no_node(const Value& address, const Value& port) {
    if (cluster_ == nullptr || port.number != section_["port"].number) return;
    for (const Lan& lan : cluster_->lans) {
      for (const LanNode& node : lan.nodes) {
        if (node.address.text() != address.text && node.local_address.text() != address.text) continue;
        return error(
            address,
            fmt::format("is the server of node \"{}\", which is no further replica but one of the pair", node.node));
      }
    }
  }

  void check_is_no_virtual_address(const Value& address) {
    const Section* const vip = service_.find("vip");
    const Section* const list = vip == nullptr ? nullptr : vip->find("interface_list");
    if (list == nullptr) return;
    for (const Section* interface : list->all("interface")) {
      for (const Section* real : interface->all("real_interface")) {
        for (const Section* virtual_address : real->all("virtual_addr")) {
          if ((*virtual_address)["addr"].text != address.text) continue;
          error(address, fmt::format("is the virtual address of line {}, behind which the primary is",
                                     virtual_address->at.line));
        }
      }
    }
  }

  const Section& section_;
  const Section& service_;
  const ClusterConfig* cluster_;
  Diagnostics& diagnostics_;
};

}  // namespace

void check_mysql_replication(const Section& replication, const Section& service, const ClusterConfig* cluster,
                             Diagnostics& diagnostics) {
  MysqlReplicationRules{replication, service, cluster, diagnostics}.check();
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
  out.reader_lag_limit = replication["reader_lag_limit"].duration();
  out.binlog_bytes_max = static_cast<std::uint64_t>(replication["binlog_limit"].number) * megabyte;
  out.provision_kilobytes_per_second_max = static_cast<std::uint64_t>(replication["provision_limit"].number);
  if (replication["verify_at"].is_set()) out.verify_at = time_of_day(replication["verify_at"].text);
  out.start_command = replication["start_command"].text;
  out.stop_command = replication["stop_command"].text;
  for (const Section* replica : replication.all("replica")) {
    out.replicas.push_back(
        {(*replica)["addr"].text, static_cast<std::uint16_t>((*replica)["port"].number), (*replica)["lan"].text});
  }
  out.server_command = replication["server_command"].text;
  return out;
}

}  // namespace clusteragent::config
