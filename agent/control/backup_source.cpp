#include "agent/control/backup_source.hpp"

#include <fmt/format.h>

#include "agent/control/render_parts.hpp"

namespace clusteragent::control {
namespace {

Error refused(std::string why) {
  return {ErrorCode::refused, "no backup was taken: " + std::move(why)};
}

}  // namespace

Result<BackupSource> mysql_backup_source(const Json& status, std::int64_t lag_limit_ms, bool is_any_age) {
  const Json& peer = part(status, "peer_report");
  const bool is_here = text(part(status, "replication"), "role") == "standby";
  const Json& document = is_here ? status : peer;
  const Json& standby = part(document, "replication");
  if (text(standby, "role") != "standby")
    return refused("neither node is known to be the standby now; see clusteragent status");
  BackupSource source;
  source.is_here = is_here;
  source.node = is_here ? text(status, "node") : text(part(status, "seen_of_peer"), "node");
  const std::string problem = text(standby, "problem");
  const std::string why = problem.empty() ? "" : ": " + problem;
  if (text(standby, "server") == "not reached")
    return refused(fmt::format("the server of {} is not reached{}", source.node, why));
  const auto lag = number(standby, "lag_ms");
  source.lag = lag ? fmt::format("{} ms behind the primary", *lag) : "behind the primary by an unknown time";
  if (is_any_age) return source;
  constexpr const char* remedy = "; --any-age takes it all the same";
  if (text(standby, "state") != "following") {
    return refused(
        fmt::format("{} does not follow ({}){}{}", source.node, or_unknown(text(standby, "state")), why, remedy));
  }
  if (!lag || *lag > lag_limit_ms)
    return refused(fmt::format("{} is {}, and lag_limit is {} ms{}", source.node, source.lag, lag_limit_ms, remedy));
  return source;
}

}  // namespace clusteragent::control
