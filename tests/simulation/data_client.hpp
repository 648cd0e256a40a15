#pragma once
// What the application does to its data: overwrites blocks in place, and replaces files as careful programs do (write a
// new one, sync it, rename it over the old one, sync the folder). Several at once, so that operations lie close
// together. Owned by World; single-threaded.
#include "tests/simulation/data_disk.hpp"
#include "tests/simulation/prng.hpp"

namespace clusteragent::simulation {

class Mirror;

class DataClient {
 public:
  explicit DataClient(Prng prng) : prng_{prng} {}

  History& history() { return history_; }
  void take_turn(Mirror& mirror);

 private:
  void overwrite(Mirror& mirror, const Entry& entry);
  void replace(Mirror& mirror, std::size_t name);

  Prng prng_;
  History history_;
};

}  // namespace clusteragent::simulation
