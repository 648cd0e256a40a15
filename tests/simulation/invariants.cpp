#include "tests/simulation/invariants.hpp"

namespace clusteragent::simulation {

Invariants make_invariants(const Setup& setup) {
  Invariants rules;
  add_tenure_rules(rules, setup);
  add_record_rules(rules, setup);
  add_data_rules(rules, setup);
  add_conduct_rules(rules, setup);
  add_reader_rules(rules, setup);
  return rules;
}

}  // namespace clusteragent::simulation
