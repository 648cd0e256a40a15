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

void PathMeter::heard(Instant now, const Header& header, const StatusFrame& frame) {
  if (!last_heard_ || header.incarnation != incarnation_) start_life(now, header);
  last_heard_ = now;
  count(header.sequence);
  measure(now, frame);
}

// What was measured with a former life says nothing about this one: its sequence and its clock are other ones.
void PathMeter::start_life(Instant now, const Header& header) {
  *this = PathMeter{started_};
  first_heard_ = now;
  incarnation_ = header.incarnation;
  highest_ = header.sequence - 1;
}

void PathMeter::count(std::uint64_t sequence) {
  if (sequence > highest_) {
    const std::uint64_t step = std::min<std::uint64_t>(sequence - highest_, history);
    arrived_ <<= step;
    expected_ = std::min<std::uint64_t>(expected_ + step, history);
    highest_ = sequence;
    arrived_.set(0);
  } else if (highest_ - sequence < expected_) {
    arrived_.set(highest_ - sequence);
  }
}

std::uint16_t PathMeter::loss_permille() const {
  if (expected_ == 0) return 0;
  return static_cast<std::uint16_t>((expected_ - arrived_.count()) * 1000 / expected_);
}

void PathMeter::measure(Instant now, const StatusFrame& frame) {
  if (!stamp_ || frame.sent_at > stamp_->sent_at) stamp_ = Stamp{frame.sent_at, now};
  // The clocks of two machines have nothing in common but their rate, so only the change of transit time is jitter.
  const Duration transit{now.nanoseconds() - frame.sent_at};
  if (transit_) {
    const Duration change = std::max(transit - *transit_, *transit_ - transit);
    jitter_ = jitter_.value_or(Duration::zero()) + (change - jitter_.value_or(Duration::zero())) / 16;
  }
  transit_ = transit;
  // The peer may send back a stamp of our former life, read from a clock that has started anew since.
  if (frame.echo < started_.nanoseconds() || frame.echo > now.nanoseconds()) return;
  const Duration trip = now - Instant::from_nanoseconds(frame.echo) - frame.echo_held;
  if (trip < Duration::zero()) return;
  round_trip_ = round_trip_ ? *round_trip_ + (trip - *round_trip_) / 8 : trip;
}

void PathMeter::peer_fact(Instant now, const PathFact& fact) {
  peer_view_ = fact;
  peer_view_at_ = now;
}

bool PathMeter::is_peer_deaf(Duration timeout) const {
  if (!peer_view_) return false;
  if (peer_view_->was_heard) return peer_view_->age >= timeout;
  // A peer that has only just started has heard nobody yet.
  return peer_view_at_ - first_heard_ >= timeout;
}

PathCondition PathMeter::condition(Instant now, Duration timeout) const {
  if (last_heard_ && now - *last_heard_ < timeout) {
    return is_peer_deaf(timeout) ? PathCondition::peer_deaf : PathCondition::up;
  }
  const bool has_news = peer_view_ && now - peer_view_at_ < timeout;
  if (has_news && peer_view_->was_heard && peer_view_->age < timeout) return PathCondition::self_deaf;
  return last_heard_ ? PathCondition::silent : PathCondition::unknown;
}

}  // namespace clusteragent::wire
