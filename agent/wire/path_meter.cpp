#include "agent/wire/path_meter.hpp"

#include <algorithm>

#include "agent/base/assert.hpp"

namespace clusteragent::wire {

std::string_view name_of(PathCondition condition) {
  switch (condition) {
    case PathCondition::unknown:
      return "unknown";
    case PathCondition::up:
      return "up";
    case PathCondition::silent:
      return "silent";
    case PathCondition::peer_deaf:
      return "peer_deaf";
    case PathCondition::self_deaf:
      return "self_deaf";
  }
  CLUSTERAGENT_ASSERT(false);
}

void PathMeter::heard(Instant now, Incarnation incarnation, std::uint64_t sequence) {
  last_heard_ = now;
  if (incarnation != incarnation_) {
    *this = PathMeter{};
    last_heard_ = now;
    incarnation_ = incarnation;
    highest_ = sequence;
    counted_ = 1;
    arrived_[sequence % history] = true;
    return;
  }
  if (sequence > highest_) {
    const std::uint64_t gap = std::min<std::uint64_t>(sequence - highest_, history);
    for (std::uint64_t missing = 0; missing < gap; ++missing) arrived_[(sequence - missing) % history] = false;
    counted_ = std::min<std::uint64_t>(counted_ + gap, history);
    highest_ = sequence;
  } else if (highest_ - sequence >= history) {
    return;
  }
  arrived_[sequence % history] = true;
}

std::uint16_t PathMeter::loss_permille() const {
  if (counted_ == 0) return 0;
  std::uint64_t lost = 0;
  for (std::uint64_t back = 0; back < counted_; ++back) lost += arrived_[(highest_ - back) % history] ? 0U : 1U;
  return static_cast<std::uint16_t>(lost * 1000 / counted_);
}

void PathMeter::stamps(Instant now, const StatusFrame& frame) {
  if (frame.sent_at > newest_stamp_) {
    newest_stamp_ = frame.sent_at;
    newest_stamp_at_ = now;
  }
  // The clocks of two machines have nothing in common but their rate, so only the change of transit time is jitter.
  const Duration transit{now.nanoseconds() - frame.sent_at};
  if (transit_) {
    const Duration change = std::max(transit - *transit_, *transit_ - transit);
    jitter_ = jitter_ ? *jitter_ + (change - *jitter_) / 16 : change;
  }
  transit_ = transit;
  if (frame.echo == 0) return;
  const Duration trip = Duration{now.nanoseconds() - frame.echo} - frame.echo_held;
  if (trip < Duration::zero()) return;
  round_trip_ = round_trip_ ? *round_trip_ + (trip - *round_trip_) / 8 : trip;
}

void PathMeter::peer_fact(Instant now, const PathFact& fact) {
  peer_view_ = fact;
  peer_view_at_ = now;
}

PathCondition PathMeter::condition(Instant now, Duration timeout) const {
  const bool hears = last_heard_ && now - *last_heard_ < timeout;
  const bool peer_hears =
      peer_view_ && now - peer_view_at_ < timeout && peer_view_->was_heard && peer_view_->age < timeout;
  if (!hears && peer_hears) return PathCondition::self_deaf;
  if (!last_heard_) return PathCondition::unknown;
  if (!hears) return PathCondition::silent;
  if (peer_view_ && (!peer_view_->was_heard || peer_view_->age >= timeout)) return PathCondition::peer_deaf;
  return PathCondition::up;
}

}  // namespace clusteragent::wire
