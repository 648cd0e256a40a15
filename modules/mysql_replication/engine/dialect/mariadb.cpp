// MariaDB from 10.5 on (tried on 10.11).
#include <fmt/format.h>

#include "modules/mysql_replication/engine/dialect/dialect.hpp"

namespace clusteragent::mysql {
namespace {

struct Setting {
  const char* column;
  const char* wanted;
  const char* remedy;
};
constexpr Setting settings[] = {
    {"log_bin", "1", "log_bin must be set: without a binary log there is no replication"},
    {"strict", "1", "gtid_strict_mode must be ON: GTIDs of two servers are comparable only then"},
    {"log_updates", "1", "log_slave_updates must be ON: the standby may have to serve others"},
    {"format", "ROW", "binlog_format must be ROW: statements may mean something else on the other server"},
    {"sync_log", "1", "sync_binlog must be 1: else a crash forgets commits that the standby has"},
    {"flush", "1", "innodb_flush_log_at_trx_commit must be 1: else a crash forgets acknowledged commits"},
};

class Mariadb : public Dialect {
 public:
  const char* name() const override { return "MariaDB"; }
  Family family() const override { return Family::mariadb; }

  std::string state_query() const override {
    return "SELECT @@version AS version, @@global.server_id AS server_id, @@read_only AS read_only,"
           " @@gtid_binlog_state AS executed, @@gtid_slave_pos AS applied, @@log_bin AS log_bin,"
           " @@gtid_strict_mode AS strict, @@log_slave_updates AS log_updates, @@global.binlog_format AS format,"
           " @@sync_binlog AS sync_log, @@innodb_flush_log_at_trx_commit AS flush,"
           " @@rpl_semi_sync_master_enabled AS semi_sync, @@rpl_semi_sync_master_timeout AS timeout_ms,"
           " @@rpl_semi_sync_master_wait_no_slave AS wait_alone, @@rpl_semi_sync_master_wait_point AS wait_point, " +
           vouched_column() +
           ","
           " UNIX_TIMESTAMP() AS now_s, (SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS"
           " WHERE VARIABLE_NAME = 'UPTIME') AS uptime";
  }
  std::string replica_query() const override { return "SHOW SLAVE STATUS"; }
  std::string status_query() const override { return "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync%'"; }

  Result<ServerState> state(const Rows& rows, const Rows& replica, const Rows& status) const override {
    if (rows.empty()) return Error{ErrorCode::corrupt, "the server answered the question for its state with nothing"};
    const Row& row = rows.front();
    ServerState state;
    state.version = text_of(row, "version");
    state.server_id = static_cast<std::uint32_t>(number_of(row, "server_id"));
    state.is_read_only = number_of(row, "read_only") != 0;
    state.started_at = started_at(number_of(row, "now_s"), number_of(row, "uptime"));
    state.is_vouched = number_of(row, "vouched") != 0;
    auto executed = Gtids::parse(family(), text_of(row, "executed"));
    if (!executed) return executed.error();
    state.executed = std::move(*executed);
    auto applied = Gtids::parse(family(), text_of(row, "applied"));
    if (!applied) return applied.error();
    state.applied = std::move(*applied);
    for (const Setting& each : settings) {
      const std::string has = text_of(row, each.column);
      if (has != each.wanted) state.unfit.push_back(fmt::format("{} (it is '{}')", each.remedy, has));
    }
    auto of_replica = replica_status(replica, {"Master_Host", "Master_Port", "Slave_IO_Running", "Slave_SQL_Running",
                                               "Seconds_Behind_Master", "Gtid_IO_Pos", "Master_Server_Id"});
    if (!of_replica) return of_replica.error();
    state.replica = std::move(*of_replica);
    state.replica.uses_gtid = !replica.empty() && text_of(replica.front(), "Using_Gtid") == "Slave_Pos";
    const Row variables = by_variable(status);
    state.semi_sync = read_semi_sync(row, variables);
    if (variables.contains("rpl_semi_sync_slave_status"))
      state.acknowledges = text_of(variables, "rpl_semi_sync_slave_status") == "ON";
    return state;
  }

  std::string oldest_log_query() const override { return "SHOW BINARY LOGS"; }
  std::string purged_query(const Rows& logs) const override {
    return logs.empty() ? std::string{} : log_begin_query(text_of(logs.front(), "Log_name"));
  }
  Result<Gtids> purged(const Rows& rows) const override { return log_begin(rows); }
  Result<Gtids> log_begin(const Rows& rows) const override {
    for (const Row& row : rows) {
      if (text_of(row, "Event_type") != "Gtid_list") continue;
      std::string list = text_of(row, "Info");
      if (list.size() >= 2 && list.front() == '[' && list.back() == ']') list = list.substr(1, list.size() - 2);
      return Gtids::parse(family(), list);
    }
    return Error{ErrorCode::corrupt,
                 "a binary log does not begin with a list of GTIDs: look at SHOW BINARY LOGS of that server"};
  }

  std::string logged_query() const override { return "SELECT @@gtid_binlog_pos AS gtids"; }
  std::string applied_query() const override { return "SELECT @@gtid_slave_pos AS gtids"; }

  std::vector<std::string> rescue_tool(const Gtids& own, const Gtids& other) const override {
    // The other one's own position would not do: it may have gone on under the same numbers.
    const std::string common = own.common_position(other).text();
    if (common.empty()) return {"mariadb-binlog"};
    return {"mariadb-binlog", "--start-position=" + common};
  }

  std::vector<std::string> make_read_only() const override {
    return {"SET SESSION lock_wait_timeout = 10", "SET GLOBAL read_only = 1"};
  }
  std::string waiting_group_query() const override {
    return "SELECT QUERY_ID AS statement FROM information_schema.PROCESSLIST"
           " WHERE STATE LIKE 'Waiting for semi-sync ACK%'";
  }
  std::vector<std::string> make_writable() const override { return {"SET GLOBAL read_only = 0"}; }
  /// A receiver that acknowledges connects to its source once more, to end its connection there. A source without power
  /// does not answer: whole seconds, and 0 is no limit.
  std::vector<std::string> stop_receiver() const override {
    return {"SET GLOBAL rpl_semi_sync_slave_kill_conn_timeout = 1", "STOP SLAVE IO_THREAD"};
  }
  std::vector<std::string> start_receiver() const override { return {"START SLAVE IO_THREAD"}; }
  std::vector<std::string> start_replica() const override {
    return {"SET GLOBAL rpl_semi_sync_slave_enabled = 1", "START SLAVE"};
  }
  std::vector<std::string> forget_source() const override { return {"STOP SLAVE", "RESET SLAVE ALL"}; }
  std::vector<std::string> follow(const Source& source, const ServerState& own) const override {
    std::string change = fmt::format(
        "CHANGE MASTER TO MASTER_HOST = {}, MASTER_PORT = {}, MASTER_USER = {}, MASTER_PASSWORD = {},"
        " MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1, MASTER_HEARTBEAT_PERIOD = 1",
        quoted(source.address), source.port, quoted(source.user), quoted(source.password));
    // What it committed as a primary counts as received; a server that never wrote has nothing to take over.
    if (!own.executed.is_empty()) change += ", MASTER_DEMOTE_TO_SLAVE = 1";
    return {"STOP SLAVE", change, "SET GLOBAL rpl_semi_sync_slave_enabled = 1", "START SLAVE"};
  }
  std::string commit_delay_query() const override {
    return "SELECT @@binlog_commit_wait_usec AS delay_us, @@binlog_commit_wait_count AS commits";
  }
  std::vector<std::string> set_commit_delay(const CommitDelay& delay) const override {
    return {fmt::format("SET GLOBAL binlog_commit_wait_usec = {}", delay.microseconds),
            fmt::format("SET GLOBAL binlog_commit_wait_count = {}", delay.commits)};
  }
  /// Without a count nothing waits.
  CommitDelay slowed_by(std::uint64_t microseconds) const override { return {microseconds, 1'000'000}; }
  ReplicaWords replica_words() const override {
    return {"SLAVE", "CHANGE MASTER TO", "MASTER", "USE_GTID = slave_pos", "rpl_semi_sync_slave_enabled"};
  }
  std::vector<std::string> adopt(const std::string& log_state, const std::string& position) const override {
    return {"STOP SLAVE", "RESET SLAVE ALL", "RESET MASTER", "SET GLOBAL gtid_binlog_state = " + quoted(log_state),
            "SET GLOBAL gtid_slave_pos = " + quoted(position)};
  }
  std::vector<std::string> semi_sync_on() const override {
    return {"SET GLOBAL rpl_semi_sync_master_wait_point = AFTER_SYNC",
            "SET GLOBAL rpl_semi_sync_master_timeout = 4294967295",
            // OFF: the loss of the last replica would end the waiting.
            "SET GLOBAL rpl_semi_sync_master_wait_no_slave = 1", "SET GLOBAL rpl_semi_sync_master_enabled = 1"};
  }
  std::vector<std::string> semi_sync_off() const override { return {"SET GLOBAL rpl_semi_sync_master_enabled = 0"}; }

 private:
  static SemiSync read_semi_sync(const Row& row, const Row& status) {
    SemiSync semi;
    semi.is_enabled = number_of(row, "semi_sync") != 0;
    semi.weakness = weakness_of(row, "rpl_semi_sync_master_");
    // Others see such a commit before the standby has it.
    if (text_of(row, "wait_point") == "AFTER_COMMIT") semi.weakness = "rpl_semi_sync_master_wait_point = AFTER_COMMIT";
    semi.is_on = text_of(status, "rpl_semi_sync_master_status") == "ON";
    semi.replicas = number_of(status, "rpl_semi_sync_master_clients");
    semi.commits_waiting = number_of(status, "rpl_semi_sync_master_wait_sessions");
    semi.commits_unprotected = number_of(status, "rpl_semi_sync_master_no_tx");
    return semi;
  }
};

}  // namespace

std::unique_ptr<Dialect> make_mariadb() {
  return std::make_unique<Mariadb>();
}

}  // namespace clusteragent::mysql
