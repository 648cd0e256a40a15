#include "modules/mysql_replication/engine/monitor/alarms.hpp"

#include <fmt/format.h>

namespace clusteragent::mysql {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds at_once{0};
// A server that is restarted, a link that blinks.
constexpr seconds interruption{5};
// One look at either server is older than the other.
constexpr seconds two_looks{2};
// A standby that joins gets what it lacks in this, or it is worth a word.
constexpr seconds joining{10};
// Binary logs are looked at every ten seconds: what stands in the way of a purge does so twice.
constexpr seconds two_looks_at_logs{15};
// What has been gone for so long is over.
constexpr seconds quiet{3};

void add_of_primary(const Watched& w, std::vector<Cause>& found) {
  const ServerState& own = w.own.state;
  if (own.is_read_only && !w.is_changing)
    found.push_back({"none-writable", "this node is primary and its server takes no writes", interruption});
  if (w.mode == Mode::waiting)
    found.push_back({"commits-wait", "commits wait for the standby, which is not reached", interruption});
  if (w.mode == Mode::solo || w.mode == Mode::joining)
    found.push_back({"unprotected", "commits are on this node only: the standby is not up to date", joining});
  if (!w.mended.empty()) {
    found.push_back({"semi-sync",
                     fmt::format("somebody had set {}: commits would have been answered without the "
                                 "standby; it was set back",
                                 w.mended),
                     at_once});
  }
  const bool has_given_up = own.semi_sync && own.semi_sync->is_enabled && !own.semi_sync->is_on;
  if (has_given_up)
    found.push_back(
        {"semi-sync", "semi-synchronous replication is enabled and the server does not keep to it", two_looks});
}

void add_of_standby(const Watched& w, std::vector<Cause>& found) {
  const ReplicaStatus& replica = w.own.state.replica;
  if (w.plan.verdict == Verdict::errant) found.push_back({"errant", w.plan.reason, at_once});
  if (w.plan.verdict == Verdict::purged) found.push_back({"purged", w.plan.reason, at_once});
  if (w.plan.verdict == Verdict::failed) found.push_back({"refused", w.plan.reason, at_once});
  if (replica.applier_errno != 0) {
    found.push_back({"applier",
                     fmt::format("the applier stopped over error {}: {}", replica.applier_errno, replica.applier_error),
                     at_once});
  }
  if (replica.is_configured && replica.receiver != ReplicaThread::running) {
    found.push_back({"receiver",
                     replica.receiver_errno == 0
                         ? std::string{"this server receives nothing from the primary"}
                         : fmt::format("this server receives nothing from the primary: error {}: {}",
                                       replica.receiver_errno, replica.receiver_error),
                     interruption});
  }
  if (w.lag && w.lag_limit.count() > 0 && *w.lag > w.lag_limit) {
    found.push_back({"lag",
                     fmt::format("this server is more than {} ms behind the primary (lag_limit)", w.lag_limit.count()),
                     two_looks});
  }
}

}  // namespace

std::vector<Cause> causes(const Watched& w) {
  std::vector<Cause> found;
  if (w.role == Role::none) return found;
  if (!w.own.is_reachable) {
    found.push_back({"server", "the server of this node does not answer: " + w.own.problem, interruption});
    return found;
  }
  if (!w.own.state.is_read_only && w.peer.is_reachable && !w.peer.state.is_read_only) {
    found.push_back({"both-writable", "both servers take writes: their data go apart", two_looks});
  }
  if (!w.differs.empty()) found.push_back({"differs", w.differs, at_once});
  if (!w.disk_problem.empty()) found.push_back({"disk", w.disk_problem, at_once});
  if (!w.logs_held_for.empty()) {
    found.push_back({"binlog",
                     "the binary logs are near their limit (binlog_limit), and none is purged: " + w.logs_held_for,
                     two_looks_at_logs});
  }
  if (w.role == Role::primary)
    add_of_primary(w, found);
  else
    add_of_standby(w, found);
  return found;
}

std::vector<Alarms::Change> Alarms::update(const std::vector<Cause>& causes, Time now) {
  std::vector<Change> changes;
  for (const Cause& cause : causes) {
    Known& known = known_.try_emplace(cause.id, Known{cause.text, now, now, false}).first->second;
    known.last_seen = now;
    known.text = cause.text;
    if (known.is_raised || now - known.since < cause.patience) continue;
    known.is_raised = true;
    changes.push_back({cause.id, cause.text, true});
  }
  for (auto each = known_.begin(); each != known_.end();) {
    const Known& known = each->second;
    const bool is_over = known.is_raised ? now - known.last_seen >= quiet : known.last_seen != now;
    if (!is_over) {
      ++each;
      continue;
    }
    if (known.is_raised) changes.push_back({each->first, known.text, false});
    each = known_.erase(each);
  }
  return changes;
}

std::map<std::string, std::string> Alarms::raised() const {
  std::map<std::string, std::string> all;
  for (const auto& [id, known] : known_) {
    if (known.is_raised) all.emplace(id, known.text);
  }
  return all;
}

}  // namespace clusteragent::mysql
