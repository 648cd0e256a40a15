// What `status` shows of this node's server.
#include <fmt/format.h>

#include "modules/mysql_replication/engine/worker.hpp"

namespace clusteragent::mysql {
namespace {

// A look comes every second, and one a moment early is not to wait for the next.
constexpr std::chrono::milliseconds replica_said_every{900};

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
  if (Json copy = provision_progress(); !copy.empty()) {
    if (copy.contains("phase")) now["state"] = "provisioning";
    now["copy"] = std::move(copy);
  }
  if (const LogKeeper::State logs = log_keeper_->state(); logs.files > 0)
    now["logs"] = {{"files", logs.files}, {"bytes", logs.bytes}, {"bytes_max", options_.binlog_bytes_max}};
  if (Json verified = verifier_->progress(); verified.is_object()) now["verify"] = std::move(verified);
  for (const auto& [id, text] : alarms_.raised()) now["alarms"].push_back({{"id", id}, {"text", text}});
  if (role_ == Role::standby) {
    if (const auto lag = lag_.value(Clock::now())) {
      now["lag_ms"] = lag->count();
      now["transactions_behind"] = lag_.transactions();
    }
  }
  if (Json all = replicas_->progress(); !all.empty()) now["further_replicas"] = std::move(all);
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
  now["can_slow_commits"] = server_.dialect() != nullptr && !server_.dialect()->commit_delay_query().empty();
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

void Worker::watch_over() {
  const auto now = Clock::now();
  const auto lag = role_ == Role::standby ? lag_.value(now) : std::nullopt;
  std::optional<Mode> mode;
  if (protection_) mode = protection_->mode();
  const LogKeeper::State logs = log_keeper_->state();
  const Watched watched{role_,
                        owed_.has_value(),
                        own_,
                        peer_,
                        plan_,
                        mode,
                        lag,
                        options_.lag_limit,
                        logs.held_for,
                        logs.disk_problem,
                        std::exchange(mended_, {}),
                        verifier_->alarm()};
  std::vector<Cause> found = causes(watched);
  for (Cause& each : replicas_->causes()) found.push_back(std::move(each));
  for (const Alarms::Change& change : alarms_.update(found, now)) {
    tell_({{"is", "alarm"}, {"raised", change.is_raised}, {"id", change.id}, {"text", change.text}});
    note(change.is_raised ? 'C' : 'E',
         fmt::format("alarm {} {}: {}", change.id, change.is_raised ? "raised" : "cleared", change.text));
  }
}

void Worker::tell_progress() {
  // At each look another one, and all of a node that is about to be another's standby.
  if (approach_) return;
  Json now = progress();
  if (now == told_) return;
  tell_({{"is", "progress"}, {"status", now}});
  told_ = std::move(now);
}

void Worker::tell_replica() {
  const auto now = Clock::now();
  if (role_ != Role::standby || now - replica_told_ < replica_said_every) return;
  replica_told_ = now;
  const std::string state = standby_state(plan_, own_, peer_endpoint_);
  Json said = {{"is", "replica"}, {"problem", state == "following" ? "" : state}};
  if (const auto lag = lag_.value(now)) said["lag_ms"] = lag->count();
  tell_(said);
}

}  // namespace clusteragent::mysql
