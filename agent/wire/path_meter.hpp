#pragma once
// PathMeter: loss, round trip and jitter of one heartbeat network, and what both ends know of it. Pure; a value.
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/base/time.hpp"
#include "agent/wire/frame.hpp"

namespace clusteragent::wire {

enum class PathCondition : std::uint8_t {
  unknown,    // nothing heard yet
  up,         // both hear each other on it
  silent,     // this node hears nothing on it
  peer_deaf,  // this node hears the peer, the peer does not hear this node: a one-way cut
  self_deaf,  // the other way round, as the peer says on another path
};
std::string_view name_of(PathCondition condition);

class PathMeter {
 public:
  /// A frame of the peer's present incarnation arrived.
  void heard(Instant now, Incarnation incarnation, std::uint64_t sequence);
  /// It carried stamps: the peer's clock, and ours with the time it was kept there.
  void stamps(Instant now, const StatusFrame& frame);
  /// What the peer says of this path from its end.
  void peer_fact(Instant now, const PathFact& fact);

  std::optional<Instant> last_heard() const { return last_heard_; }
  std::uint16_t loss_permille() const;
  std::optional<Duration> round_trip() const { return round_trip_; }  // smoothed, RFC 6298 §2
  std::optional<Duration> jitter() const { return jitter_; }          // RFC 3550 §6.4.1
  std::optional<PathFact> peer_view() const { return peer_view_; }
  PathCondition condition(Instant now, Duration timeout) const;

  std::int64_t newest_stamp() const { return newest_stamp_; }
  Instant newest_stamp_at() const { return newest_stamp_at_; }

 private:
  static constexpr std::size_t history = 256;  // frames over which loss is counted

  std::optional<Instant> last_heard_;
  Incarnation incarnation_{};
  std::uint64_t highest_ = 0;
  std::uint64_t counted_ = 0;  // frames expected so far, at most `history`
  std::array<bool, history> arrived_{};
  std::optional<Duration> round_trip_;
  std::optional<Duration> jitter_;
  std::optional<Duration> transit_;
  std::int64_t newest_stamp_ = 0;
  Instant newest_stamp_at_;
  std::optional<PathFact> peer_view_;
  Instant peer_view_at_;
};

}  // namespace clusteragent::wire
