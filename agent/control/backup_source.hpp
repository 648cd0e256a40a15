#pragma once
// From which node's server `clusteragent mysql backup` takes a backup: the standby's, so that the primary has nothing
// to do with it; and what speaks against it. Pure; a value.
#include <cstdint>
#include <string>

#include "agent/base/result.hpp"
#include "agent/control/status.hpp"

namespace clusteragent::control {

struct BackupSource {
  bool is_here = false;  // else on the other node
  std::string node;
  std::string lag;  // how old its data are, for the operator
};

/// For a module with <mysqlreplication>. `status`: this node's document, with the other one's report in it. Errors: no
/// standby, or one that does not follow or is further behind than `lag_limit_ms`, unless `is_any_age` will do.
Result<BackupSource> mysql_backup_source(const Json& status, std::int64_t lag_limit_ms, bool is_any_age);

}  // namespace clusteragent::control
