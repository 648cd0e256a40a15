#pragma once
// What the engines of two simulated hosts say to each other: the operations of filesync, and beside each what the
// primary's directory was when it was numbered, which is how the replica's is judged. Plain values.
#include <array>

#include "agent/data/filesync/wire/operation.hpp"
#include "tests/simulation/data_disk.hpp"

namespace clusteragent::simulation {

struct Frame {
  filesync::Op op = filesync::Op::write;
  filesync::Sequence sequence{};
  Change change{};         // write, create, rename
  std::uint64_t file = 0;  // sync, hashes; 0: the folder
  Blocks blocks{};         // hashes
  Tree state{};            // of the primary, this operation included
};

struct Answer {
  filesync::Op op = filesync::Op::ack;  // ack, differs, copied, failure
  filesync::Sequence sequence{};
  std::uint64_t file = 0;
  std::array<bool, file_blocks> differs{};
};

}  // namespace clusteragent::simulation
