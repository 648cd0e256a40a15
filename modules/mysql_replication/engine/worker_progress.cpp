// What `status` shows of this node's server.
#include "modules/mysql_replication/engine/worker.hpp"

namespace clusteragent::mysql {
namespace {

const char* text_of(ReplicaThread thread) {
  switch (thread) {
    case ReplicaThread::stopped:
      return "stopped";
    case ReplicaThread::connecting:
      return "connecting";
    case ReplicaThread::running:
      return "running";
  }
  return "";
}

const char* text_of(Role role) {
  switch (role) {
    case Role::none:
      return "none";
    case Role::primary:
      return "primary";
    case Role::standby:
      return "standby";
  }
  return "";
}

std::string standby_state(const Plan& plan, const View& own, const Endpoint& peer) {
  switch (plan.verdict) {
    case Verdict::errant:
      return "errant transactions";
    case Verdict::purged:
      return "logs purged";
    case Verdict::diverged:
      return "applier stopped";
    case Verdict::failed:
      return "refused";
    case Verdict::step:
    case Verdict::wait:
    case Verdict::done:
      return own.is_reachable && is_following(own.state.replica, peer) ? "following" : "not connected";
  }
  return "";
}

}  // namespace

Json Worker::progress() const {
  Json now = {{"role", text_of(role_)}};
  now["state"] = role_ == Role::primary && protection_ ? mysql::text_of(protection_->mode())
                 : role_ == Role::standby              ? standby_state(plan_, own_, peer_endpoint_)
                                                       : "off";
  if (!rescue_path_.empty()) now["rescue"] = rescue_path_;
  if (!plan_.reason.empty()) now["problem"] = plan_.reason;
  if (!own_.is_reachable) {
    now["server"] = "not reached";
    return now;
  }
  const ServerState& own = own_.state;
  now["server"] = own.version;
  now["dialect"] = server_.dialect_name();
  now["server_id"] = own.server_id;
  now["is_writable"] = !own.is_read_only;
  now["executed"] = own.executed.text();
  if (own.semi_sync) {
    now["semi_sync"] = {{"is_enabled", own.semi_sync->is_enabled},
                        {"is_on", own.semi_sync->is_on},
                        {"replicas", own.semi_sync->replicas},
                        {"commits_waiting", own.semi_sync->commits_waiting}};
  } else {
    now["protection"] =
        "asynchronous: this server has no semi-synchronous replication; what the standby had not received "
        "is lost with the primary";
  }
  if (own.replica.is_configured) {
    const ReplicaStatus& replica = own.replica;
    now["replica"] = {{"receiver", text_of(replica.receiver)},
                      {"applier", text_of(replica.applier)},
                      {"received", replica.received.text()},
                      {"applied", own.applied.text()},
                      {"is_complete", following_.is_complete}};
    if (replica.seconds_behind) now["replica"]["seconds_behind"] = *replica.seconds_behind;
    if (!replica.receiver_error.empty()) now["replica"]["receiver_error"] = replica.receiver_error;
    if (!replica.applier_error.empty()) now["replica"]["applier_error"] = replica.applier_error;
  }
  return now;
}

void Worker::tell_progress() {
  Json now = progress();
  if (now == told_) return;
  tell_({{"is", "progress"}, {"status", now}});
  told_ = std::move(now);
}

}  // namespace clusteragent::mysql
