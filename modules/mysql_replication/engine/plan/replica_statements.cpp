#include "modules/mysql_replication/engine/plan/replica_statements.hpp"

#include <fmt/format.h>

namespace clusteragent::mysql {

std::vector<std::string> statements_of(ReplicaStep step, const ReplicaWords& words, const Endpoint& source,
                                       const ServerState& replica) {
  const std::string start = fmt::format("START {}", words.replica);
  const std::string stop = fmt::format("STOP {}", words.replica);
  const std::string silence = fmt::format("SET GLOBAL {} = 0", words.acknowledging);
  switch (step) {
    case ReplicaStep::none:
      return {};
    case ReplicaStep::stop:
      return {stop};
    case ReplicaStep::repoint: {
      std::vector<std::string> all;
      // First, and where it fails nothing follows: it says so to the primary when its receiver begins.
      if (replica.acknowledges) all.push_back(silence);
      all.push_back(fmt::format("{0} {1}_HOST = {2}, {1}_PORT = {3}, {1}_{4}", words.change, words.source,
                                quoted(source.address), source.port, words.by_gtid));
      all.push_back(start);
      return all;
    }
    case ReplicaStep::start:
      return {start};
    case ReplicaStep::start_receiver:
      return {start + " IO_THREAD"};
    case ReplicaStep::cease_acknowledging:
      return {silence, stop + " IO_THREAD", start + " IO_THREAD"};
  }
  return {};
}

}  // namespace clusteragent::mysql
