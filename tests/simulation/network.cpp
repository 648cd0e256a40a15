#include "tests/simulation/network.hpp"

#include <algorithm>
#include <utility>

namespace clusteragent::simulation {

Network::Network(EventQueue& queue, Prng prng, const Setup& setup, Deliver deliver)
    : queue_{queue}, prng_{prng}, paths_{setup.paths}, deliver_{std::move(deliver)} {
  for (std::size_t path = 0; path < paths_max; path++) {
    for (Link& link : links_[path]) {
      link.quality = setup.links[path];
    }
  }
}

void Network::send(NodeId from, PathId path, const Packet& packet) {
  const Link& link = links_[path.value()][from.value()];
  const NodeId to{static_cast<std::uint8_t>(1 - from.value())};
  const std::uint32_t loss = std::min(chance_always, link.quality.loss_ppm + link.extra_loss_ppm);
  // Draws are made even where the link is cut, so that a cut does not shift what later frames see.
  const bool is_lost = prng_.chance(loss);
  const bool is_doubled = prng_.chance(link.quality.duplicate_ppm);
  if (link.is_cut()) {
    return;
  }
  if (!is_lost) {
    carry(to, path, packet, link);
  }
  if (is_doubled) {
    carry(to, path, packet, link);
  }
}

void Network::carry(NodeId to, PathId path, const Packet& packet, const Link& link) {
  Duration delay = prng_.within(link.quality.delay) + link.extra_delay;
  if (prng_.chance(link.quality.reorder_ppm)) {
    delay += prng_.between(Duration{0}, link.quality.reorder_delay);
  }
  queue_.after(delay, [this, to, path, packet] { deliver_(to, path, packet); });
}

bool Network::carries(NodeId from) const {
  return std::any_of(links_.begin(), links_.begin() + static_cast<std::ptrdiff_t>(paths_), [from](const auto& path) {
    const Link& link = path[from.value()];
    return !link.is_cut() && link.quality.loss_ppm + link.extra_loss_ppm < chance_always;
  });
}

void Network::heal(bool clean) {
  for (auto& path : links_) {
    for (Link& link : path) {
      link.cuts = 0;
      link.extra_loss_ppm = 0;
      link.extra_delay = Duration{0};
      if (clean) {
        link.quality.loss_ppm = 0;
        link.quality.duplicate_ppm = 0;
        link.quality.reorder_ppm = 0;
      }
    }
  }
}

}  // namespace clusteragent::simulation
