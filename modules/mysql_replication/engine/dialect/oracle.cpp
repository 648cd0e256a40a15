#include "modules/mysql_replication/engine/dialect/oracle.hpp"

#include <fmt/format.h>

namespace clusteragent::mysql {
namespace {

struct Setting {
  const char* column;
  const char* wanted;
  const char* remedy;
};
constexpr Setting settings[] = {
    {"log_bin", "1", "log_bin must be set: without a binary log there is no replication"},
    {"gtid_mode", "ON", "gtid_mode must be ON (with enforce_gtid_consistency)"},
    {"log_updates", "1", "log_slave_updates (log_replica_updates) must be ON: GTIDs are kept in the log"},
    {"format", "ROW", "binlog_format must be ROW: statements may mean something else on the other server"},
    {"sync_log", "1", "sync_binlog must be 1: else a crash forgets commits that the standby has"},
    {"flush", "1", "innodb_flush_log_at_trx_commit must be 1: else a crash forgets acknowledged commits"},
};

}  // namespace

std::string Oracle::state_query_with(const char* super_read_only, const char* log_updates) {
  return fmt::format(
      "SELECT @@version AS version, @@global.server_id AS server_id, @@read_only AS read_only, {} AS super_read_only,"
      " @@global.gtid_executed AS executed, @@log_bin AS log_bin, @@global.gtid_mode AS gtid_mode,"
      " {} AS log_updates, @@global.binlog_format AS format, @@sync_binlog AS sync_log,"
      " @@innodb_flush_log_at_trx_commit AS flush, {}, UNIX_TIMESTAMP() AS now_s",
      super_read_only, log_updates, vouched_column());
}

Result<ServerState> Oracle::state(const Rows& rows, const Rows& replica, const Rows& status) const {
  if (rows.empty()) return Error{ErrorCode::corrupt, "the server answered the question for its state with nothing"};
  const Row& row = rows.front();
  const Row variables = by_variable(status);
  ServerState state;
  state.version = text_of(row, "version");
  state.server_id = static_cast<std::uint32_t>(number_of(row, "server_id"));
  state.is_read_only = number_of(row, "read_only") != 0 && number_of(row, "super_read_only") != 0;
  state.started_at = started_at(number_of(row, "now_s"), number_of(variables, "uptime"));
  state.is_vouched = number_of(row, "vouched") != 0;
  // The uptime comes with another statement.
  state.start_tolerance_s = 1;
  auto executed = Gtids::parse(family(), text_of(row, "executed"));
  if (!executed) return executed.error();
  state.executed = std::move(*executed);
  state.applied = state.executed;
  for (const Setting& each : settings) {
    const std::string has = text_of(row, each.column);
    if (has != each.wanted) state.unfit.push_back(fmt::format("{} (it is '{}')", each.remedy, has));
  }
  auto of_replica = replica_status(replica, columns());
  if (!of_replica) return of_replica.error();
  state.replica = std::move(*of_replica);
  state.replica.uses_gtid = !replica.empty() && text_of(replica.front(), "Auto_Position") == "1";
  const std::string prefix = fmt::format("rpl_semi_sync_{}_", primary_word());
  if (variables.contains(prefix + "status")) {
    SemiSync semi;
    // Off as long as it is not enabled; it never gives up waiting by itself here, so the two are one.
    semi.is_on = text_of(variables, prefix + "status") == "ON";
    semi.is_enabled = semi.is_on;
    semi.weakness = weakness_of(row, prefix);
    semi.replicas = number_of(variables, prefix + "clients");
    semi.commits_waiting = number_of(variables, prefix + "wait_sessions");
    semi.commits_unprotected = number_of(variables, prefix + "no_tx");
    state.semi_sync = semi;
  }
  const std::string acknowledging = fmt::format("rpl_semi_sync_{}_status", replica_word());
  if (variables.contains(acknowledging)) state.acknowledges = text_of(variables, acknowledging) == "ON";
  return state;
}

std::string Oracle::purged_query(const Rows&) const {
  return "SELECT @@global.gtid_purged AS purged";
}

Result<Gtids> Oracle::purged(const Rows& rows) const {
  if (rows.empty()) return Error{ErrorCode::corrupt, "the server did not say which GTIDs it has purged"};
  return Gtids::parse(family(), text_of(rows.front(), "purged"));
}

Result<Gtids> Oracle::log_begin(const Rows& rows) const {
  for (const Row& row : rows) {
    if (text_of(row, "Event_type") == "Previous_gtids") return Gtids::parse(family(), text_of(row, "Info"));
  }
  return Error{ErrorCode::corrupt,
               "a binary log does not begin with the set of GTIDs before it: look at SHOW BINARY LOGS of that server"};
}

std::vector<std::string> Oracle::rescue_tool(const Gtids& own, const Gtids& other) const {
  return {"mysqlbinlog", "--include-gtids=" + own.beyond(other).text()};
}

std::vector<std::string> Oracle::semi_sync_on() const {
  const std::string prefix = fmt::format("SET GLOBAL rpl_semi_sync_{}_", primary_word());
  return {prefix + "timeout = 4294967295",
          prefix + "wait_no_" + (columns().receiver[0] == 'S' ? "slave" : "replica") + " = 1", prefix + "enabled = 1"};
}

std::vector<std::string> Oracle::semi_sync_off() const {
  return {fmt::format("SET GLOBAL rpl_semi_sync_{}_enabled = 0", primary_word())};
}

}  // namespace clusteragent::mysql
