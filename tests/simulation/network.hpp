#pragma once
// The heartbeat networks: one Link a path and direction, so that a one-way cut is nothing special. Frames get lost,
// repeated, delayed and overtaken. Owned by World; single-threaded.
#include <array>
#include <functional>
#include <variant>

#include "agent/core/types.hpp"
#include "tests/simulation/setup.hpp"

namespace clusteragent::simulation {

/// The peer's kernel answers that nobody listens on the port.
struct ProcessGone {};
/// The guard of a dead agent tells the peer that the tenure is over.
struct GuardWord {
  Epoch epoch;
};
using Packet = std::variant<core::PeerStatus, ProcessGone, GuardWord>;

struct Link {
  LinkQuality quality;
  int cuts = 0;  // faults overlap: a link works again when every one of them has ended
  std::uint32_t extra_loss_ppm = 0;
  Duration extra_delay{};
  bool is_cut() const { return cuts > 0; }
};

class Network {
 public:
  using Deliver = std::function<void(NodeId to, PathId, const Packet&)>;

  Network(EventQueue& queue, Prng prng, const Setup& setup, Deliver deliver);

  void send(NodeId from, PathId path, const Packet& packet);
  Link& link(NodeId from, PathId path) { return links_[path.value()][from.value()]; }
  const Link& link(NodeId from, PathId path) const { return links_[path.value()][from.value()]; }
  std::size_t paths() const { return paths_; }
  /// Does any path carry frames in that direction?
  bool carries(NodeId from) const;
  /// Ends every cut, loss and delay beyond what the networks have by themselves; `clean` removes that as well.
  void heal(bool clean);

 private:
  void carry(NodeId to, PathId path, const Packet& packet, const Link& link);

  EventQueue& queue_;
  Prng prng_;
  std::size_t paths_;
  std::array<std::array<Link, hosts>, paths_max> links_;
  Deliver deliver_;
};

}  // namespace clusteragent::simulation
