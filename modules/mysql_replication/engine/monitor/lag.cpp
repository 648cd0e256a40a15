#include "modules/mysql_replication/engine/monitor/lag.hpp"

namespace clusteragent::mysql {
namespace {

// Positions of an hour, at one look a second; of a longer lag the beginning stays.
constexpr std::size_t positions_max = 3600;
// Looks come every second; one may be late.
constexpr std::chrono::milliseconds fresh_for{2500};

}  // namespace

void Lag::forget() {
  *this = {};
}

void Lag::seen_primary(const View& primary, Time now) {
  if (!primary.is_reachable) return;
  primary_seen_ = now;
  const bool is_new = open_.empty() || !(open_.back().executed == primary.state.executed);
  if (!is_new) return;
  if (open_.size() == positions_max) open_.pop_back();
  open_.push_back({primary.state.executed, now});
}

void Lag::seen_standby(const View& standby) {
  if (!standby.is_reachable || open_.empty()) return;
  const Gtids applied = standby.state.applied.joined(standby.state.executed);
  // MariaDB's position names one server of each domain, so a count alone would miss those of another one for ever.
  transactions_ = applied.reaches(open_.back().executed) ? 0 : open_.back().executed.count_beyond(applied);
  // The newest one stays, so that what is not new is known.
  while (open_.size() > 1 && applied.reaches(open_.front().executed)) open_.pop_front();
  if (applied.reaches(open_.front().executed)) is_measured_ = true;
}

std::optional<Lag::Span> Lag::value(Time now) const {
  if (!is_measured_ || !primary_seen_) return std::nullopt;
  const auto since = [now](Time then) { return std::chrono::duration_cast<Span>(now - then); };
  if (transactions_ > 0) return since(open_.front().since);
  return now - *primary_seen_ > fresh_for ? since(*primary_seen_) : Span{0};
}

}  // namespace clusteragent::mysql
