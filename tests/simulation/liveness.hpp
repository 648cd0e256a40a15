#pragma once
// After healing: exactly one holder in bounded time, the standby ready, then nothing changes and clients are served.
// Plays the administrator as well, who starts what is stopped and promotes where everybody was told to hold.
#include <string>

#include "tests/simulation/observer.hpp"
#include "tests/simulation/setup.hpp"

namespace clusteragent::simulation {

class Liveness final : public Observer {
 public:
  explicit Liveness(const Setup& setup) : setup_{setup} {}

  void on_transition(World&, NodeId, const core::View& before, const core::View& after) override;
  void on_probe(World&, bool is_served) override;
  void on_heal(World&) override;

  /// Runs the world until it is well and has been quiet, or reports what is not.
  void demand(World& world);
  Duration converged_after() const { return converged_after_; }

 private:
  void attend(World& world);
  /// A node that is stopped never keeps the other one from serving.
  static void look_for_waiting(World& world);
  /// Empty: all is well.
  std::string complaint(World& world) const;
  std::string complaint_about(World& world, NodeId node, bool is_holder) const;

  const Setup& setup_;
  TrueTime healed_at_{};
  TrueTime last_change_{};
  TrueTime last_failed_probe_{};
  std::size_t changes_since_heal_ = 0;
  bool has_looked_ = false;
  Duration converged_after_{};
};

}  // namespace clusteragent::simulation
