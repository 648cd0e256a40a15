#pragma once
// Oracle: what every MySQL of Oracle's has in common: one GTID set says all. The words differ; a derived class gives
// them. PURE.
#include "modules/mysql_replication/engine/dialect/dialect.hpp"

namespace clusteragent::mysql {

class Oracle : public Dialect {
 public:
  Family family() const override { return Family::oracle; }
  Result<ServerState> state(const Rows& state, const Rows& replica, const Rows& status) const override;
  std::string oldest_log_query() const override { return {}; }
  std::string purged_query(const Rows& oldest_log) const override;
  Result<Gtids> purged(const Rows& rows) const override;
  Result<Gtids> log_begin(const Rows& rows) const override;
  std::string logged_query() const override { return "SELECT @@global.gtid_executed AS gtids"; }
  std::string applied_query() const override { return logged_query(); }
  std::vector<std::string> rescue_tool(const Gtids& own, const Gtids& other) const override;

 protected:
  virtual ReplicaColumns columns() const = 0;
  /// Of the semi-synchronous replication on the primary's side: "master" or "source".
  virtual const char* primary_word() const = 0;
  /// The same of a replica's side.
  virtual const char* replica_word() const = 0;
  static std::string state_query_with(const char* super_read_only, const char* log_updates);
  std::vector<std::string> semi_sync_on() const override;
  std::vector<std::string> semi_sync_off() const override;
};

}  // namespace clusteragent::mysql
