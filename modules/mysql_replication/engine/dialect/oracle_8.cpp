// MySQL from 8.0.22 on: SOURCE and REPLICA instead of MASTER and SLAVE (the statements were tried on 9.7).
#include <fmt/format.h>

#include "modules/mysql_replication/engine/dialect/oracle.hpp"

namespace clusteragent::mysql {
namespace {

class Oracle8 : public Oracle {
 public:
  const char* name() const override { return "MySQL 8"; }
  std::string state_query() const override { return state_query_with("@@super_read_only", "@@log_replica_updates"); }
  std::string replica_query() const override { return "SHOW REPLICA STATUS"; }
  std::string status_query() const override {
    return "SHOW GLOBAL STATUS WHERE Variable_name = 'Uptime' OR Variable_name LIKE 'Rpl_semi_sync_source%'";
  }
  std::vector<std::string> make_read_only() const override {
    return {"SET SESSION lock_wait_timeout = 1", "SET GLOBAL super_read_only = 1"};
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

 protected:
  ReplicaColumns columns() const override {
    return {"Source_Host",         "Source_Port",           "Replica_IO_Running",
            "Replica_SQL_Running", "Seconds_Behind_Source", "Retrieved_Gtid_Set"};
  }
  const char* primary_word() const override { return "source"; }
};

}  // namespace

std::unique_ptr<Dialect> make_oracle_8() {
  return std::make_unique<Oracle8>();
}

}  // namespace clusteragent::mysql
