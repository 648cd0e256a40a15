#pragma once
// What a step of a further replica is in the words of its server. PURE.
//
// No password is among them: a replica goes on with the account that it replicates as, which both nodes have.
#include <string>
#include <vector>

#include "modules/mysql_replication/engine/dialect/dialect.hpp"
#include "modules/mysql_replication/engine/plan/replica_plan.hpp"

namespace clusteragent::mysql {

/// `replica`: as it was seen last. The first statement that fails ends the step.
std::vector<std::string> statements_of(ReplicaStep step, const ReplicaWords& words, const Endpoint& source,
                                       const ServerState& replica);

}  // namespace clusteragent::mysql
