#pragma once
// What of <rfs> and <mysqlreplication> this version cannot do, so that a module which asks for it does not start with
// less. Pure; values.
#include <vector>

#include "agent/config/module_config.hpp"

namespace clusteragent::config {

/// One refusal for each wish; a default that is written out is none.
void refuse_unbuilt_replication(const Section& rfs, std::vector<StartRefusal>& refusals);
void refuse_unbuilt_mysql(const Section& mysql, std::vector<StartRefusal>& refusals);

}  // namespace clusteragent::config
