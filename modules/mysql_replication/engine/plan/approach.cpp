#include "modules/mysql_replication/engine/plan/approach.hpp"

namespace clusteragent::mysql {
namespace {

constexpr std::chrono::milliseconds close_enough{100};
// A look at either server under load; whoever is not close by then is behind.
constexpr std::chrono::milliseconds first_looks{50};
constexpr std::chrono::seconds limit_slowed{15};
constexpr std::chrono::seconds limit_unslowed{1};

bool is_applying(const View& standby) {
  const ReplicaStatus& replica = standby.state.replica;
  return standby.is_reachable && replica.receiver == ReplicaThread::running &&
         replica.applier == ReplicaThread::running;
}

}  // namespace

Approach::Verdict Approach::look(const View& own, const View& peer, Time now) {
  if (!own.is_reachable || own.state.is_read_only) return Verdict::close;
  if (!is_applying(peer)) return Verdict::lost;
  open_.push_back({own.state.executed, now});
  const Gtids applied = peer.state.applied.joined(peer.state.executed);
  while (!open_.empty() && applied.reaches(open_.front().executed)) {
    reached_ = open_.front().seen;
    open_.pop_front();
  }
  if (reached_ && behind(now) <= close_enough) return Verdict::close;
  if (now - begun_ > (can_slow_ ? limit_slowed : limit_unslowed)) return Verdict::over;
  return can_slow_ && now - begun_ > first_looks ? Verdict::slow : Verdict::wait;
}

Approach::Span Approach::behind(Time now) const {
  return std::chrono::duration_cast<Span>(now - reached_.value_or(begun_));
}

}  // namespace clusteragent::mysql
