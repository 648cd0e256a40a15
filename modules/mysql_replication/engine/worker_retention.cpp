// When the binary logs are looked at, and who may need them.
#include "modules/mysql_replication/engine/worker.hpp"

namespace clusteragent::mysql {
namespace {

constexpr std::chrono::seconds look_again{10};

}  // namespace

void Worker::keep_logs() {
  if (role_ == Role::none) return;
  const auto now = Clock::now();
  if (peer_.is_reachable) peer_has_ = peer_.state.applied.joined(peer_.state.executed);
  // What a copy lacks when it is in place, it gets from the logs.
  const bool is_copied = donor_->sent_bytes() > 0;
  const bool is_connected =
      peer_.is_reachable && (role_ == Role::standby || is_following(peer_.state.replica, own_endpoint_));
  if (is_connected || is_copied) attached_ = now;
  if (now - logs_looked_ < look_again) return;
  logs_looked_ = now;
  const LogReader peer{role_ == Role::primary ? "the standby" : "the primary", peer_has_, attached_ == now,
                       std::chrono::duration_cast<std::chrono::seconds>(now - attached_)};
  const bool is_settled = !owed_ && plan_.verdict != Verdict::step && own_.is_reachable;
  const bool is_read = rescue_.is_under_way() || provisioning_.is_under_way();
  std::vector<LogReader> readers = replicas_->log_readers(now);
  readers.insert(readers.begin(), peer);
  log_keeper_->look(std::move(readers), is_settled && !is_read);
}

}  // namespace clusteragent::mysql
