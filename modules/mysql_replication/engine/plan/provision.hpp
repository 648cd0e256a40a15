#pragma once
// When a standby's data are replaced by a copy of the primary's, and where such a copy stands in the primary's log.
// PURE, values.
#include <string>

#include "modules/mysql_replication/engine/plan/plan.hpp"

namespace clusteragent::mysql {

/// Of a copy that was put in place, for a server that does not know it yet: it lies among the copied data until it
/// does.
struct CopyPosition {
  std::string position;   // from here on it replicates
  std::string log_state;  // what its log is taken to hold, by origin: else an own transaction of the primary's past
                          // would look like one that this server never had
  friend bool operator==(const CopyPosition&, const CopyPosition&) = default;
};

/// `before`: the primary's log as it was when the copy began; `position`: of the copy. The primary alone wrote in
/// between, so what the position says of a domain is newer than all of `before` in it. A set of MySQL of Oracle's says
/// both. Errors: a GTID that is none.
Result<CopyPosition> copy_position(Family family, const Gtids& before, const std::string& position);
/// Of the file that the backup tool writes: name of a log, offset, GTIDs. Errors: it says something else.
Result<std::string> position_of_backup(const std::string& content);

struct ProvisionFacts {
  Role role = Role::none;
  Plan plan;
  View peer;
  bool provisions_errant = false;  // as configured
  bool is_rescued = false;         // what only this server has is in a file
  bool is_server_absent = false;
  bool is_data_lost = false;  // the data directory has no system tables: nothing can be started there
};

/// Why this node's data are to be replaced; empty: they stay.
std::string reason_to_provision(const ProvisionFacts& facts);

}  // namespace clusteragent::mysql
