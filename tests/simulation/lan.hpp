#pragma once
// Who the switch and the clients' neighbour tables believe owns the virtual IP. Only an announcement changes that, or,
// long after, a client that asks again; so a take-over that nobody heard of is an outage although the address is up.
// The nodes' own words pass here as well, and whoever listens can play them again.
#include <deque>
#include <optional>
#include <utility>

#include "agent/base/ids.hpp"
#include "agent/core/lan_word.hpp"
#include "tests/simulation/event_queue.hpp"

namespace clusteragent::simulation {

class Lan {
 public:
  /// A Linux client gives a neighbour up after 5 s of delay and three unanswered probes.
  static constexpr Duration ask_again_after = std::chrono::seconds{8};

  void announced(NodeId owner) { owner_ = owner; }
  std::optional<NodeId> believed_owner() const { return owner_; }
  void forget() { owner_.reset(); }

  /// Faults overlap: the nodes reach each other again when every one of them has ended.
  void cut(TrueTime now) {
    cuts_++;
    disturbed(now);
  }
  void join(TrueTime now) {
    cuts_ = cuts_ > 0 ? cuts_ - 1 : 0;
    disturbed(now);
  }
  void heal(TrueTime now) {
    cuts_ = 0;
    disturbed(now);
  }
  bool is_cut() const { return cuts_ > 0; }
  /// Something that carries words between the nodes has changed.
  void disturbed(TrueTime now) { disturbed_at_ = now; }
  TrueTime disturbed_at() const { return disturbed_at_; }

  void record(NodeId from, const core::LanWord& word) {
    recorded_.emplace_back(from, word);
    if (recorded_.size() > recorded_max) recorded_.pop_front();
  }
  const std::deque<std::pair<NodeId, core::LanWord>>& recorded() const { return recorded_; }

 private:
  static constexpr std::size_t recorded_max = 512;

  std::optional<NodeId> owner_;
  int cuts_ = 0;
  TrueTime disturbed_at_{};
  std::deque<std::pair<NodeId, core::LanWord>> recorded_;
};

}  // namespace clusteragent::simulation
