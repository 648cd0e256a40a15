#pragma once
// The simulated world: true time, two hosts, the networks between them, the clients' LAN, and whoever watches. One
// thread, one seed, no global state: two worlds with the same Setup and Variant live the same life.
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/data_client.hpp"
#include "tests/simulation/event_queue.hpp"
#include "tests/simulation/host.hpp"
#include "tests/simulation/lan.hpp"
#include "tests/simulation/network.hpp"
#include "tests/simulation/observer.hpp"
#include "tests/simulation/setup.hpp"
#include "tests/simulation/trace.hpp"
#include "tests/simulation/variant.hpp"
#include "tests/simulation/witness.hpp"

namespace clusteragent::simulation {

struct Violation {
  std::string rule;
  std::string text;
  TrueTime at{};
};

class World {
 public:
  World(Setup setup, Variant variant, TraceMode mode);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Lives until `end` or the first violation, whichever comes first.
  void run_until(TrueTime end);
  /// Announced once to the observers: from here on no fault happens any more.
  void begin_healing();

  void add_observer(Observer& observer) { observers_.push_back(&observer); }
  /// The first violation counts; what follows it is a consequence.
  void fail(std::string rule, std::string text);
  const std::optional<Violation>& violation() const { return violation_; }

  TrueTime now() const { return queue_.now(); }
  EventQueue& queue() { return queue_; }
  Network& network() { return network_; }
  Lan& lan() { return lan_; }
  Witness& witness() { return witness_; }
  Trace& trace() { return trace_; }
  Host& host(NodeId node) { return *hosts_[node.value()]; }
  const Host& host(NodeId node) const { return *hosts_[node.value()]; }
  Host& peer_of(NodeId node) { return *hosts_[1U - node.value()]; }
  const Setup& setup() const { return setup_; }
  Variant variant() const { return variant_; }
  Prng stream(std::string_view name) const { return prng_.child(name); }
  bool is_healing() const { return is_healing_; }

  std::size_t answering() const;
  /// The node whose kernel answers for the virtual IP; nullopt: none or both.
  std::optional<NodeId> only_holder() const;

  std::size_t answering_readers() const;

  void ask(NodeId node, core::Verb verb);
  /// Number and user are filled in; nothing happens where no agent listens.
  void ask(NodeId node, core::OperatorRequest request);
  void announce(NodeId owner);
  History& history() { return data_client_.history(); }
  std::uint64_t next_connection() { return ++last_connection_; }
  void speak_on_lan(NodeId from, const core::LanWord& word);
  /// Somebody on the network plays back what he once heard.
  void replay_on_lan(Prng& prng);
  void set_garp_loss(std::uint32_t ppm) {
    garp_loss_ppm_ = ppm;
    lan_.disturbed(now());
  }
  std::uint32_t garp_loss() const { return garp_loss_ppm_; }
  /// Since when both agents live and what one says on the virtual IP's network reaches the other; nullopt: it does not.
  std::optional<TrueTime> lan_carries_since() const;
  /// Tells the observers that something was applied.
  void changed();

  template <typename Call>
  void tell(Call&& call) {
    for (Observer* observer : observers_) {
      call(*observer);
    }
  }

 private:
  void probe();
  void write();

  Setup setup_;
  Variant variant_;
  Prng prng_;
  Prng garp_prng_;
  Prng lan_prng_;
  EventQueue queue_;
  Trace trace_;
  Network network_;
  Lan lan_;
  Witness witness_{*this};
  std::uint32_t garp_loss_ppm_;
  std::array<std::unique_ptr<Host>, hosts> hosts_;
  std::vector<Observer*> observers_;
  std::optional<Violation> violation_;
  std::uint64_t next_request_ = 1;
  DataClient data_client_;
  std::uint64_t last_connection_ = 0;
  TrueTime served_at_{};
  bool is_healing_ = false;
};

}  // namespace clusteragent::simulation
