#pragma once
// What the engines tell the observers of a run. Plain values.
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "tests/simulation/data_disk.hpp"

namespace clusteragent::simulation {

enum class DataFact : std::uint8_t {
  follows,  // an engine begins to follow
  copy_begun,
  copy_ended,
  copy_interrupted,
  replica_full,         // it could not do what the stream said
  reply_alone,          // at once: the other node is on record as out of date
  reply_confirmed,      // at once or later: the other node has it
  reply_by_allow_solo,  // waited until the other node was on record as out of date
  reply_abandoned,      // the application got an error
  refuses_to_lead,      // because the copy is incomplete
  fails_to_lead,        // the engine could not begin
  loss_by_two_powers,   // async="second": both nodes lost power since the write was acknowledged
  loss_by_one_power,
};
constexpr std::size_t data_facts = 13;
std::string_view name_of(DataFact);

/// What the application was told to be safe.
struct Assurance {
  std::optional<std::uint64_t> file;  // nothing: the names
  Tree state;                         // of the directory when it asked
};

}  // namespace clusteragent::simulation
