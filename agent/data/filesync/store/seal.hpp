#pragma once
// Seal: by which a directory that was left in order is known again: whether anybody changed it since. Made of names,
// inodes, sizes and times of change of all entries; the contents are not read. Blocking: one look at every entry.
// Threads: any. Errors: nothing; what cannot be read is not in it.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace clusteragent::filesync {

struct Seal {
  std::uint64_t entries = 0;
  std::int64_t newest_ns = 0;  // time of change (ctime), which nobody can set
  std::uint64_t sum = 0;       // of all entries, in whatever order
  friend bool operator==(const Seal&, const Seal&) = default;
};

/// What was changed since the seal: the first paths, and how many there are. Removed names show in their folder.
struct Tampering {
  std::uint64_t count = 0;
  std::vector<std::string> first;
};
inline constexpr std::size_t tampered_paths_max = 5;

Seal seal_of(int root);
/// Nothing: it is as it was.
std::optional<Tampering> tampering_since(int root, const Seal& seal);

std::string text_of(const Seal& seal);
std::optional<Seal> seal_from(const std::string& text);

}  // namespace clusteragent::filesync
