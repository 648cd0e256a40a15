#include "modules/mysql_replication/engine/plan/provision.hpp"

#include <fmt/format.h>

#include <sstream>

namespace clusteragent::mysql {

Result<CopyPosition> copy_position(Family family, const Gtids& before, const std::string& position) {
  const auto at = Gtids::parse(family, position);
  if (!at) return at.error();
  if (family == Family::oracle) return CopyPosition{at->text(), ""};
  return CopyPosition{at->text(), before.joined(*at).text()};
}

Result<std::string> position_of_backup(const std::string& content) {
  std::istringstream words{content};
  std::string log;
  std::string offset;
  std::string position;
  words >> log >> offset >> position;
  if (offset.empty()) {
    return Error{ErrorCode::corrupt,
                 fmt::format("the backup does not say where it stands in the primary's log, but '{}'; the server there "
                             "must write a binary log",
                             content.substr(0, 100))};
  }
  return position;
}

std::string reason_to_provision(const ProvisionFacts& facts) {
  // Of a server that is not writable nobody knows whether it is the newest.
  if (facts.role != Role::standby || !facts.peer.is_reachable || facts.peer.state.is_read_only) return {};
  if (facts.is_server_absent) return facts.is_data_lost ? "the data of this node's server are gone" : std::string{};
  if (facts.plan.verdict == Verdict::purged) return facts.plan.reason;
  const bool may_drop = facts.provisions_errant && facts.is_rescued;
  return facts.plan.verdict == Verdict::errant && may_drop ? facts.plan.reason : std::string{};
}

}  // namespace clusteragent::mysql
