#include "tests/simulation/statistics.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "agent/core/transition_table.hpp"
#include "tests/simulation/swarm.hpp"
#include "tests/simulation/world.hpp"

namespace clusteragent::simulation {
namespace {

double ms(Duration duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

Duration at_share(std::vector<Duration> values, std::size_t hundredths) {
  if (values.empty()) {
    return Duration{0};
  }
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, values.size() * hundredths / 100)];
}

template <typename Core>
void count_rows(const Core& core, std::vector<std::uint64_t>& rows) {
  if constexpr (requires { core.rows_of_last_step(); }) {
    for (const std::uint32_t row : core.rows_of_last_step()) {
      rows[row]++;
    }
  } else {
    rows[core.last_row()]++;
  }
}

/// Rows left to tests/scenario and tests/unit: `prim` on a secondary is accepted only in the moment between the peer's
/// letting go and this node's own move, and few operators say `prim` in the seconds in which a fence script runs. With
/// a witness nobody says `prim --force` here, because that accepts two primaries (scenario witness_force). No profile
/// has ping targets, which promise nothing that could be checked (scenario ping).
bool is_left_to_others(std::string_view row) {
  return row == "settled" || row == "prim_from_second" || row == "prim_instead_of_fencing" ||
         row == "prim_while_fencing" || row == "stopstart_while_fencing" || row == "prim_in_maintenance" ||
         row == "take_over_by_force_from_second" || row == "wait_for_ping" || row == "cut_off" ||
         row == "cut_off_as_secondary";
}

}  // namespace

Statistics::Statistics() {
  figures_.rows.resize(core::transition_table().size());
}

void Statistics::on_event(World&, NodeId, const core::Event& event) {
  figures_.steps++;
  if (std::holds_alternative<core::OperatorRequest>(event)) {
    figures_.commands++;
    is_asked_ = true;
  }
}

void Statistics::on_step(World&, NodeId, const core::Cluster& cluster) {
  count_rows(cluster, figures_.rows);
}

void Statistics::on_action(World&, NodeId node, const core::Action& action) {
  if (const auto* reply = std::get_if<core::Reply>(&action); reply != nullptr && !reply->is_accepted) {
    figures_.refusals++;
  }
  if (std::holds_alternative<core::AcquireVip>(action) && holder_ != node) {
    figures_.promotions++;
    figures_.moves += holder_ ? 1U : 0U;
    figures_.failovers += holder_ && !is_asked_ ? 1U : 0U;
    is_asked_ = false;
    holder_ = node;
  }
}

void Statistics::on_change(World& world) {
  const bool is_double = world.answering() > 1;
  if (is_double && !double_since_) {
    double_since_ = world.now();
    figures_.doubles++;
  } else if (!is_double && double_since_) {
    figures_.longest_double = std::max(figures_.longest_double, world.now() - *double_since_);
    double_since_.reset();
  }
}

void Statistics::on_probe(World& world, bool is_served) {
  if (!is_served) {
    if (was_ever_served_ && !dark_since_) {
      dark_since_ = world.now();
    }
    return;
  }
  was_ever_served_ = true;
  if (dark_since_) {
    figures_.outages.push_back(world.now() - *dark_since_);
    dark_since_.reset();
  }
}

void Report::add(const RunFigures& run) {
  Sum& sum = sums_[run.profile];
  sum.runs++;
  sum.steps += run.steps;
  sum.failovers += run.failovers;
  sum.moves += run.moves;
  sum.promotions += run.promotions;
  sum.commands += run.commands;
  sum.refusals += run.refusals;
  sum.doubles += run.doubles;
  sum.longest_double = std::max(sum.longest_double, run.longest_double);
  sum.converged.push_back(run.converged_after);
  sum.outages.insert(sum.outages.end(), run.outages.begin(), run.outages.end());
  rows_.resize(run.rows.size());
  for (std::size_t row = 0; row < run.rows.size(); row++) {
    rows_[row] += run.rows[row];
  }
  for (std::size_t kind = 0; kind < fault_kinds; kind++) {
    faults_[kind] += run.faults[kind];
  }
  for (std::size_t fact = 0; fact < data_facts; fact++) {
    data_[fact] += run.data[fact];
  }
}

void Report::print() const {
  fmt::print("{:<13} {:>6} {:>10} {:>9} {:>8} {:>10} {:>9} {:>9} {:>8} {:>11} {:>21} {:>21}\n", "profile", "runs",
             "steps", "failovers", "moves", "promotions", "commands", "refusals", "doubles", "longest ms",
             "outage ms 50/99 %", "converged ms 50/max");
  for (const auto& [name, sum] : sums_) {
    fmt::print(
        "{:<13} {:>6} {:>10} {:>9} {:>8} {:>10} {:>9} {:>9} {:>8} {:>11.0f} {:>10.0f}/{:>10.0f} {:>10.0f}/{:>10.0f}\n",
        name, sum.runs, sum.steps, sum.failovers, sum.moves, sum.promotions, sum.commands, sum.refusals, sum.doubles,
        ms(sum.longest_double), ms(at_share(sum.outages, 50)), ms(at_share(sum.outages, 99)),
        ms(at_share(sum.converged, 50)), ms(at_share(sum.converged, 100)));
  }
  fmt::print("\nfaults:");
  for (std::size_t kind = 0; kind < fault_kinds; kind++) {
    fmt::print(" {}={}", name_of(static_cast<FaultKind>(kind)), faults_[kind]);
  }
  fmt::print("\n\ndata:");
  for (std::size_t fact = 0; fact < data_facts; fact++) {
    fmt::print(" {}={}", name_of(static_cast<DataFact>(fact)), data_[fact]);
  }
  fmt::print("\n\ntransition rows hit:\n");
  const auto table = core::transition_table();
  for (std::size_t row = 0; row < rows_.size(); row++) {
    fmt::print("  {:>10} {}\n", rows_[row], table[row].name);
  }
}

std::vector<std::string> Report::missing(bool needs_rows) const {
  std::vector<std::string> gaps;
  for (const auto& [name, sum] : sums_) {
    constexpr std::uint64_t runs_that_must_show = 20;
    const bool promises = draw(1, name, std::nullopt).promise.has_failovers;
    if (promises && sum.runs >= runs_that_must_show && sum.failovers == 0) {
      gaps.push_back("profile " + name + " promises failovers and shows none");
    }
  }
  if (!needs_rows) {
    return gaps;
  }
  for (std::size_t kind = 0; kind < fault_kinds; kind++) {
    if (faults_[kind] == 0) {
      gaps.push_back("fault " + std::string{name_of(static_cast<FaultKind>(kind))} + " was never used");
    }
  }
  const auto table = core::transition_table();
  for (std::size_t row = 0; row < rows_.size(); row++) {
    if (rows_[row] == 0 && !is_left_to_others(table[row].name)) {
      gaps.push_back("transition row " + std::string{table[row].name} + " was never hit");
    }
  }
  return gaps;
}

}  // namespace clusteragent::simulation
