#include "tests/simulation/data_client.hpp"

#include "tests/simulation/mirror.hpp"

namespace clusteragent::simulation {
namespace {

constexpr std::uint32_t one_in_four = chance_always / 4;

}  // namespace

void DataClient::take_turn(Mirror& mirror) {
  const std::size_t name = prng_.below(scratch_name);
  const Entry entry = mirror.tree().entries[name];
  if (entry.file == 0 || prng_.chance(one_in_four)) {
    replace(mirror, name);
  } else {
    overwrite(mirror, entry);
  }
}

void DataClient::overwrite(Mirror& mirror, const Entry& entry) {
  const std::uint64_t writes = 1 + prng_.below(file_blocks);
  for (std::uint64_t turn = 0; turn < writes; turn++) {
    mirror.change({.id = history_.next(), .file = entry.file, .block = prng_.below(file_blocks)});
  }
  if (!prng_.chance(one_in_four)) mirror.sync(entry.file);
}

void DataClient::replace(Mirror& mirror, std::size_t name) {
  const std::uint64_t file = history_.next();
  mirror.change({.kind = Change::Kind::create, .id = file, .file = file, .name = scratch_name});
  for (std::size_t block = 0; block < file_blocks; block++) {
    mirror.change({.id = history_.next(), .file = file, .block = block});
  }
  mirror.sync(file);
  if (mirror.tree().find(file) == nullptr) return;  // no room
  mirror.change({.kind = Change::Kind::rename, .id = history_.next(), .name = scratch_name, .target = name});
  // Another program is at work in the same folder.
  const Entry& neighbour = mirror.tree().entries[(name + 1) % scratch_name];
  if (neighbour.file != 0) overwrite(mirror, neighbour);
  mirror.sync(std::nullopt);
}

}  // namespace clusteragent::simulation
