#include "tests/simulation/data_facts.hpp"

namespace clusteragent::simulation {

std::string_view name_of(DataFact fact) {
  constexpr std::array<std::string_view, data_facts> names{
      "follows",       "copy_begun",         "copy_ended",          "copy_interrupted", "replica_full",
      "reply_alone",   "reply_confirmed",    "reply_by_allow_solo", "reply_abandoned",  "refuses_to_lead",
      "fails_to_lead", "loss_by_two_powers", "loss_by_one_power"};
  return names[static_cast<std::size_t>(fact)];
}

}  // namespace clusteragent::simulation
