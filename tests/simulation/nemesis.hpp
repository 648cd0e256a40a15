#pragma once
// Breaks things: each fault is an operation with a begin and an end, drawn from the kinds that the plan allows. After
// heal() nothing is broken any more. Owned by the runner; single-threaded.
#include <array>
#include <cstdint>

#include "tests/simulation/setup.hpp"

namespace clusteragent::simulation {

class Host;
class World;

class Nemesis {
 public:
  explicit Nemesis(World& world);

  void begin();
  /// Ends everything; machines are switched on, agents started, networks and disks work.
  void heal();
  const std::array<std::uint64_t, fault_kinds>& used() const { return used_; }

 private:
  void next();
  void strike(FaultKind kind);
  void strike_machine(FaultKind kind, NodeId node);
  void strike_network(FaultKind kind, NodeId node);
  void strike_storage_and_scripts(FaultKind kind, NodeId node);
  void strike_address(FaultKind kind, NodeId node);
  void strike_witness(FaultKind kind, NodeId node);
  void strike_votes();
  void await_candidates(TrueTime gives_up_at);
  void change_all_cuts(int change);
  void strike_with_flaps(Host& host);
  void strike_with_command(NodeId node);
  /// The service manager stops the agent in good order and starts it again, as an upgrade does.
  void announce_maintenance(NodeId node);
  void shut_down(Host& host);
  void await_shutdown(Host& host, std::uint64_t life, TrueTime limit);
  void cut(NodeId from, PathId path, Duration lasts);
  /// Between the nodes; clients reach both.
  void cut_lan(Duration lasts);
  Duration some_time();
  Duration lasting();
  PathId some_path();
  /// Where one path must live, the safe one is left alone.
  bool may_touch(PathId path) const;
  template <typename Begin, typename End>
  void for_a_while(Duration lasts, Begin begin, End end);

  World& world_;
  Prng prng_;
  std::array<std::uint64_t, fault_kinds> used_{};
  std::vector<FaultKind> kinds_;
};

}  // namespace clusteragent::simulation
