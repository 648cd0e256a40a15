#pragma once
// One class a rule; each watches the whole run and reports the first breach to the World. The names are those of
// README.md. Rules that a profile does not promise are not made for it.
#include <memory>
#include <vector>

#include "tests/simulation/observer.hpp"
#include "tests/simulation/setup.hpp"

namespace clusteragent::simulation {

using Invariants = std::vector<std::unique_ptr<Observer>>;

/// All rules that hold under `setup`.
Invariants make_invariants(const Setup& setup);

// Families, each in its own file.
void add_tenure_rules(Invariants& rules, const Setup& setup);   // S1 S2 S3 S9
void add_record_rules(Invariants& rules, const Setup& setup);   // S6 S7, what the disk promises
void add_data_rules(Invariants& rules, const Setup& setup);     // S5
void add_conduct_rules(Invariants& rules, const Setup& setup);  // S8 S11, operator, failover off, false failover
void add_reader_rules(Invariants& rules, const Setup& setup);   // readers

}  // namespace clusteragent::simulation
