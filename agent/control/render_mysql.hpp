#pragma once
// What the engine of MySQL says of its server, as rows of the status screen. Pure; a fact that is missing is "unknown".
#include <vector>

#include "agent/control/status.hpp"
#include "agent/control/table_text.hpp"

namespace clusteragent::control {

/// Whether `replication` of a status document is that of two servers, and not of directories.
bool is_of_mysql(const Json& replication);

/// `own` and `peer`: `replication` of both nodes' documents; the peer's is null where nothing current is known of it.
std::vector<Row> mysql_rows(const Json& own, const Json& peer);

}  // namespace clusteragent::control
