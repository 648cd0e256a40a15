#pragma once
// Entry: what the journal says may differ: coarse, because each is on the disk before the change is made. Pure values;
// any thread.
#include <vector>

#include "agent/data/filesync/ledger/regions.hpp"

namespace clusteragent::filesync {

struct Entry {
  enum class Kind : std::uint64_t {  // on disk: do not renumber
    extent = 1,                      // number: of extent_bytes
    file = 2,                        // all of it
    names = 3,                       // number: those of a folder whose slot_name() ends in it
    everything = 4,
  };
  Kind kind = Kind::everything;
  FileId file{};
  std::uint64_t number = 0;
  friend auto operator<=>(const Entry&, const Entry&) = default;
};

/// Names of one folder that share an entry: few enough entries that a folder in which much is made and removed costs
/// no more writes of the journal, many enough that the rest of it stays certain.
inline constexpr std::uint64_t name_groups = 256;

std::vector<Entry> entries_of(const Touched& touched);
/// What is to be compared because of it.
void doubt(Marks& marks, const Entry& entry);

}  // namespace clusteragent::filesync

template <>
struct std::hash<clusteragent::filesync::Entry> {
  std::size_t operator()(const clusteragent::filesync::Entry& entry) const noexcept {
    constexpr std::size_t odd = 0x9e3779b97f4a7c15;
    return ((entry.file.value() * odd) ^ entry.number) * odd ^ static_cast<std::size_t>(entry.kind);
  }
};
