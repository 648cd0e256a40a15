#pragma once
// Receiver: decides what may be acted upon. Authentic is not enough: a recorded frame of a former life of the peer is
// authentic too. So an incarnation is believed only once it has echoed this node's own, which a recording cannot do,
// and an incarnation that another one has replaced is never believed again.
// Pure; one a module; one caller at a time.
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <variant>

#include "agent/wire/frame.hpp"
#include "agent/wire/replay_window.hpp"

namespace clusteragent::wire {

struct Counters {
  std::uint64_t accepted = 0;
  std::uint64_t malformed = 0;
  std::uint64_t foreign_module = 0;
  std::uint64_t bad_mac = 0;
  std::uint64_t replayed = 0;
  std::uint64_t unproven = 0;
  std::uint64_t incompatible = 0;
};

struct Incompatible {
  std::uint8_t lowest = 0;
  std::uint8_t highest = 0;
};
/// Genuine, but its incarnation has not shown that it is alive now: answer, so that it can.
struct Unproven {};
struct Dropped {};
struct Accepted {
  Header header;
  Body body;
};
using Verdict = std::variant<Accepted, Incompatible, Unproven, Dropped>;

class Receiver {
 public:
  Receiver(std::uint64_t module, Keys keys, NodeId self, Incarnation own);
  Verdict receive(std::span<const std::uint8_t> bytes);
  const Counters& counters() const { return counters_; }
  /// Of the believed incarnation; 0: none yet. To be echoed in every heartbeat, believed or not.
  Incarnation last_seen() const { return last_seen_; }

 private:
  bool is_proven(const Decoded& decoded);

  std::uint64_t module_;
  Keys keys_;
  NodeId self_;
  Incarnation own_;
  Incarnation proven_{};
  Incarnation last_seen_{};
  std::deque<Incarnation> replaced_;
  // Reports and releases have numbers of their own, hence one window for each path and type.
  std::map<std::pair<PathId, FrameType>, ReplayWindow> windows_;
  Counters counters_;
};

}  // namespace clusteragent::wire
