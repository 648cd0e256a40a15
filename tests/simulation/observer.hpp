#pragma once
// What watches a run: invariants, statistics and the scenario recorder. Called by the World, single-threaded, in the
// order in which they were added.
#include "agent/core/actions.hpp"
#include "agent/core/cluster.hpp"
#include "agent/core/events.hpp"
#include "agent/core/view.hpp"
#include "tests/simulation/data_facts.hpp"

namespace clusteragent::simulation {

class World;

class Observer {
 public:
  virtual ~Observer() = default;
  /// Before the core of `node` sees the event.
  virtual void on_event(World&, NodeId, const core::Event&) {}
  /// Before the action is carried out.
  virtual void on_action(World&, NodeId, const core::Action&) {}
  /// The core of `node` has taken the event; its actions are not carried out yet.
  virtual void on_step(World&, NodeId, const core::Cluster&) {}
  /// After every applied action and after everything else that happened in the world.
  virtual void on_change(World&) {}
  /// State, activity or reason of a living agent changed.
  virtual void on_transition(World&, NodeId, const core::View& /*before*/, const core::View& /*after*/) {}
  virtual void on_agent_started(World&, NodeId) {}
  virtual void on_agent_died(World&, NodeId) {}
  /// The provider of `node` begins to lead.
  virtual void on_lead(World&, NodeId /*node*/, Epoch) {}
  /// A client is told that something is safe.
  virtual void on_acknowledged(World&, NodeId /*by*/, Epoch, const Assurance&) {}
  virtual void on_data(World&, NodeId, DataFact) {}
  /// With what was not on its disk; `before`: its data until then.
  virtual void on_power_lost(World&, NodeId, bool /*was_primary*/, const Tree& /*before*/) {}
  virtual void on_probe(World&, bool /*is_served*/) {}
  virtual void on_heal(World&) {}
  virtual void at_end(World&) {}
};

}  // namespace clusteragent::simulation
