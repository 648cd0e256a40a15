#pragma once
// PathMeter: loss, round trip and jitter of one heartbeat network, and what both ends know of it. Pure; a value; fed
// with frames that the Receiver has accepted.
#include <bitset>
#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/base/time.hpp"
#include "agent/wire/frame.hpp"

namespace clusteragent::wire {

enum class PathCondition : std::uint8_t {
  unknown,    // nothing heard on it yet
  up,         // both hear each other on it
  silent,     // this node hears nothing on it, and nobody says whether the peer does
  peer_deaf,  // this node hears the peer, the peer does not hear this node: a one-way cut
  self_deaf,  // the peer hears this node and says so on another path, this node does not hear the peer: a one-way cut
};
std::string_view name_of(PathCondition condition);

class PathMeter {
 public:
  /// `started`: of this node's life. Stamps from before it are not ours.
  explicit PathMeter(Instant started) : started_{started} {}

  /// A status frame came on this path, at `now`.
  void heard(Instant now, const Header& header, const StatusFrame& frame);
  /// What the peer says, on any path, of this one from its end.
  void peer_fact(Instant now, const PathFact& fact);

  std::optional<Instant> last_heard() const { return last_heard_; }
  /// Of the newest `history` frames of the peer; late ones count as arrived.
  std::uint16_t loss_permille() const;
  std::optional<Duration> round_trip() const { return round_trip_; }  // smoothed, RFC 6298 §2
  std::optional<Duration> jitter() const { return jitter_; }          // RFC 3550 §6.4.1
  std::optional<PathFact> peer_view() const { return peer_view_; }
  PathCondition condition(Instant now, Duration timeout) const;

  /// The peer's newest stamp, to be sent back with how long it was kept; nullopt: none.
  struct Stamp {
    std::int64_t sent_at = 0;
    Instant received;
  };
  std::optional<Stamp> stamp() const { return stamp_; }

 private:
  // At three pulses a timeout and 100 ms a pulse the last 25 s: old enough to be steady, young enough to be news.
  static constexpr std::size_t history = 256;

  void start_life(Instant now, const Header& header);
  void count(std::uint64_t sequence);
  void measure(Instant now, const StatusFrame& frame);
  bool is_peer_deaf(Duration timeout) const;

  Instant started_;
  std::optional<Instant> last_heard_;
  Instant first_heard_;  // in this life of the peer
  Incarnation incarnation_{};
  std::uint64_t highest_ = 0;
  std::uint64_t expected_ = 0;  // frames since the first, at most `history`
  std::bitset<history> arrived_;
  std::optional<Duration> round_trip_;
  std::optional<Duration> jitter_;
  std::optional<Duration> transit_;
  std::optional<Stamp> stamp_;
  std::optional<PathFact> peer_view_;
  Instant peer_view_at_;
};

}  // namespace clusteragent::wire
