// MySQL 5.6 (tried on 5.6.24) and 5.7. There is no super_read_only in 5.6: whoever has SUPER writes on a standby.
#include <fmt/format.h>

#include "modules/mysql_replication/engine/dialect/oracle.hpp"

namespace clusteragent::mysql {
namespace {

class Oracle56 : public Oracle {
 public:
  const char* name() const override { return "MySQL 5.6"; }
  std::string state_query() const override { return state_query_with("@@read_only", "@@log_slave_updates"); }
  std::string replica_query() const override { return "SHOW SLAVE STATUS"; }
  std::string status_query() const override {
    return "SHOW GLOBAL STATUS WHERE Variable_name = 'Uptime' OR Variable_name LIKE 'Rpl_semi_sync%'";
  }
  std::vector<std::string> make_read_only() const override {
    return {"SET SESSION lock_wait_timeout = 10", "SET GLOBAL read_only = 1"};
  }
  std::vector<std::string> make_writable() const override { return {"SET GLOBAL read_only = 0"}; }
  std::vector<std::string> stop_receiver() const override { return {"STOP SLAVE IO_THREAD"}; }
  std::vector<std::string> start_receiver() const override { return {"START SLAVE IO_THREAD"}; }
  std::vector<std::string> start_replica() const override { return {"START SLAVE"}; }
  std::vector<std::string> forget_source() const override { return {"STOP SLAVE", "RESET SLAVE ALL"}; }
  std::vector<std::string> follow(const Source& source, const ServerState&) const override {
    return {"STOP SLAVE",
            fmt::format("CHANGE MASTER TO MASTER_HOST = {}, MASTER_PORT = {}, MASTER_USER = {}, MASTER_PASSWORD = {},"
                        " MASTER_AUTO_POSITION = 1, MASTER_CONNECT_RETRY = 1, MASTER_HEARTBEAT_PERIOD = 1",
                        quoted(source.address), source.port, quoted(source.user), quoted(source.password)),
            "START SLAVE"};
  }
  ReplicaWords replica_words() const override {
    return {"SLAVE", "CHANGE MASTER TO", "MASTER", "AUTO_POSITION = 1", "rpl_semi_sync_slave_enabled"};
  }
  std::vector<std::string> adopt(const std::string&, const std::string& position) const override {
    return {"STOP SLAVE", "RESET SLAVE ALL", "RESET MASTER", "SET GLOBAL gtid_purged = " + quoted(position)};
  }

 protected:
  ReplicaColumns columns() const override {
    return {"Master_Host",           "Master_Port",        "Slave_IO_Running", "Slave_SQL_Running",
            "Seconds_Behind_Master", "Retrieved_Gtid_Set", "Master_Server_Id"};
  }
  const char* primary_word() const override { return "master"; }
  const char* replica_word() const override { return "slave"; }
};

}  // namespace

std::unique_ptr<Dialect> make_oracle_56() {
  return std::make_unique<Oracle56>();
}

}  // namespace clusteragent::mysql
