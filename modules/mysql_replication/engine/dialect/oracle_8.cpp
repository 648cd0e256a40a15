// MySQL from 8.0.22 on: SOURCE and REPLICA instead of MASTER and SLAVE (the statements were tried on 9.7).
#include <fmt/format.h>

#include "modules/mysql_replication/engine/dialect/oracle.hpp"

namespace clusteragent::mysql {
namespace {

constexpr unsigned without_reset_master = 802;

class Oracle8 : public Oracle {
 public:
  explicit Oracle8(unsigned version) : version_{version} {}

  const char* name() const override { return "MySQL 8"; }
  std::string state_query() const override {
    // Variables of a plugin that may not be there.
    const auto variable = [](const char* name) {
      return fmt::format("(SELECT VARIABLE_VALUE FROM performance_schema.global_variables WHERE VARIABLE_NAME = '{}')",
                         name);
    };
    return fmt::format("{}, {} AS timeout_ms, {} AS wait_alone",
                       state_query_with("@@super_read_only", "@@log_replica_updates"),
                       variable("rpl_semi_sync_source_timeout"), variable("rpl_semi_sync_source_wait_no_replica"));
  }
  std::string replica_query() const override { return "SHOW REPLICA STATUS"; }
  std::string status_query() const override {
    return "SHOW GLOBAL STATUS WHERE Variable_name = 'Uptime' OR Variable_name LIKE 'Rpl_semi_sync%'";
  }
  std::vector<std::string> make_read_only() const override {
    return {"SET SESSION lock_wait_timeout = 10", "SET GLOBAL super_read_only = 1"};
  }
  std::string unkilled_waits_query() const override {
    return "SELECT USER AS user FROM information_schema.PROCESSLIST"
           " WHERE STATE LIKE 'Waiting for semi-sync ACK%' AND COMMAND <> 'Killed'";
  }
  std::vector<std::string> make_writable() const override {
    return {"SET GLOBAL super_read_only = 0", "SET GLOBAL read_only = 0"};
  }
  std::vector<std::string> stop_receiver() const override { return {"STOP REPLICA IO_THREAD"}; }
  std::vector<std::string> start_receiver() const override { return {"START REPLICA IO_THREAD"}; }
  std::vector<std::string> start_replica() const override { return {"START REPLICA"}; }
  std::vector<std::string> forget_source() const override { return {"STOP REPLICA", "RESET REPLICA ALL"}; }
  std::vector<std::string> follow(const Source& source, const ServerState&) const override {
    return {"STOP REPLICA",
            fmt::format("CHANGE REPLICATION SOURCE TO SOURCE_HOST = {}, SOURCE_PORT = {}, SOURCE_USER = {},"
                        " SOURCE_PASSWORD = {}, SOURCE_AUTO_POSITION = 1, SOURCE_CONNECT_RETRY = 1,"
                        " SOURCE_RETRY_COUNT = 86400, SOURCE_HEARTBEAT_PERIOD = 1, GET_SOURCE_PUBLIC_KEY = 1",
                        quoted(source.address), source.port, quoted(source.user), quoted(source.password)),
            "START REPLICA"};
  }
  std::string commit_delay_query() const override {
    return "SELECT @@global.binlog_group_commit_sync_delay AS delay_us,"
           " @@global.binlog_group_commit_sync_no_delay_count AS commits";
  }
  std::vector<std::string> set_commit_delay(const CommitDelay& delay) const override {
    return {fmt::format("SET GLOBAL binlog_group_commit_sync_delay = {}", delay.microseconds),
            fmt::format("SET GLOBAL binlog_group_commit_sync_no_delay_count = {}", delay.commits)};
  }
  ReplicaWords replica_words() const override {
    return {"REPLICA", "CHANGE REPLICATION SOURCE TO", "SOURCE", "AUTO_POSITION = 1", "rpl_semi_sync_replica_enabled"};
  }
  std::vector<std::string> adopt(const std::string&, const std::string& position) const override {
    return {"STOP REPLICA", "RESET REPLICA ALL",
            version_ < without_reset_master ? "RESET MASTER" : "RESET BINARY LOGS AND GTIDS",
            "SET GLOBAL gtid_purged = " + quoted(position)};
  }

 protected:
  ReplicaColumns columns() const override {
    return {"Source_Host",           "Source_Port",        "Replica_IO_Running", "Replica_SQL_Running",
            "Seconds_Behind_Source", "Retrieved_Gtid_Set", "Source_Server_Id"};
  }
  const char* primary_word() const override { return "source"; }
  const char* replica_word() const override { return "replica"; }

 private:
  unsigned version_;
};

}  // namespace

std::unique_ptr<Dialect> make_oracle_8(unsigned version) {
  return std::make_unique<Oracle8>(version);
}

}  // namespace clusteragent::mysql
