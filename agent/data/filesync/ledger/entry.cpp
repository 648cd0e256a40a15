#include "agent/data/filesync/ledger/entry.hpp"

namespace clusteragent::filesync {
namespace {

// 16 GiB in one operation: room that is reserved, or a file that is cut.
constexpr std::uint64_t extents_an_operation_max = 4096;

}  // namespace

std::vector<Entry> entries_of(const Touched& touched) {
  std::vector<Entry> entries;
  for (const Slot& slot : touched.slots) entries.push_back({Entry::Kind::names, slot.folder, slot.name % name_groups});
  const std::uint64_t first = touched.begin / extent_bytes;
  if (touched.to_the_end || (touched.end - touched.begin) / extent_bytes > extents_an_operation_max) {
    entries.push_back({Entry::Kind::file, touched.file, 0});
  } else if (touched.begin < touched.end) {
    for (std::uint64_t extent = first; extent <= (touched.end - 1) / extent_bytes; ++extent)
      entries.push_back({Entry::Kind::extent, touched.file, extent});
  }
  return entries;
}

void doubt(Marks& marks, const Entry& entry) {
  switch (entry.kind) {
    case Entry::Kind::extent:
      return marks.doubt_extent(entry.file, entry.number);
    case Entry::Kind::file:
      return marks.doubt(entry.file);
    case Entry::Kind::names:
      return marks.doubt_names(entry.file, entry.number);
    case Entry::Kind::everything:
      return marks.doubt_all();
  }
}

}  // namespace clusteragent::filesync
