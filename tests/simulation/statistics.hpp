#pragma once
// What a run has shown, and what many runs have shown together: a green suite that never failed over is a red suite.
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/observer.hpp"
#include "tests/simulation/setup.hpp"

namespace clusteragent::simulation {

struct RunFigures {
  std::string profile;
  std::uint64_t steps = 0;
  std::uint64_t failovers = 0;  // the virtual IP came to the other node without being asked to
  std::uint64_t moves = 0;      // ... for any reason
  std::uint64_t promotions = 0;
  std::uint64_t refusals = 0;  // requests of the operator that were refused
  std::uint64_t commands = 0;
  std::uint64_t doubles = 0;  // times that two kernels began to answer at once
  Duration longest_double{};
  Duration converged_after{};       // from healing to the state that then lasted
  std::vector<Duration> outages;    // as clients saw them, ended ones only
  std::vector<std::uint64_t> rows;  // hits by index of the transition table
  std::array<std::uint64_t, fault_kinds> faults{};
  std::array<std::uint64_t, data_facts> data{};
};

/// Gathers RunFigures while the world lives.
class Statistics final : public Observer {
 public:
  Statistics();
  void on_event(World&, NodeId, const core::Event&) override;
  void on_action(World&, NodeId, const core::Action&) override;
  void on_step(World&, NodeId, const core::Cluster&) override;
  void on_change(World&) override;
  void on_probe(World&, bool is_served) override;
  void on_data(World&, NodeId, DataFact fact) override { figures_.data[static_cast<std::size_t>(fact)]++; }
  RunFigures& figures() { return figures_; }

 private:
  RunFigures figures_;
  std::optional<NodeId> holder_;
  std::optional<TrueTime> dark_since_;
  std::optional<TrueTime> double_since_;
  bool was_ever_served_ = false;
  bool is_asked_ = false;  // a command or a start came since the last promotion
};

/// Sums over many runs, by profile, and the verdict on whether they showed enough.
class Report {
 public:
  void add(const RunFigures& run);
  void print() const;
  /// What was promised and never happened; empty: nothing is missing. Rows are asked for only where `needs_rows`.
  std::vector<std::string> missing(bool needs_rows) const;

 private:
  struct Sum {
    std::uint64_t runs = 0;
    std::uint64_t steps = 0;
    std::uint64_t failovers = 0;
    std::uint64_t moves = 0;
    std::uint64_t promotions = 0;
    std::uint64_t commands = 0;
    std::uint64_t refusals = 0;
    std::uint64_t doubles = 0;
    Duration longest_double{};
    std::vector<Duration> converged;
    std::vector<Duration> outages;
  };
  std::map<std::string, Sum> sums_;
  std::vector<std::uint64_t> rows_;
  std::array<std::uint64_t, fault_kinds> faults_{};
  std::array<std::uint64_t, data_facts> data_{};
};

}  // namespace clusteragent::simulation
