#pragma once
// HistoryFile: the Standing of this node's copy, on its disk; and of which directory it is said, so that another file
// system mounted there is not taken for the copy. On disk when a method returns. One caller at a time.
#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/data/filesync/ledger/history.hpp"
#include "agent/data/filesync/store/exclusion.hpp"

namespace clusteragent::filesync {

/// A name for the directory itself: its number in its file system and when it was made there.
std::string identity_of(int root);

struct HistoryRecord {
  Standing standing;
  std::int64_t closed_ns = 0;  // wall clock, when the node let go of the directory; 0: it has it, or crashed
};

/// What was changed since: the first paths, below the directory ("." is itself), and how many there are. A name that
/// is gone shows in its folder.
struct Changes {
  std::uint64_t count = 0;
  std::vector<std::string> first;
};
inline constexpr std::size_t changes_told_max = 5;

/// Files and folders whose status changed later than that (st_ctim, which nobody can set), and what cannot be read;
/// not what is not replicated.
Changes changes_since(const Directory& directory, std::int64_t closed_ns);

class HistoryFile {
 public:
  explicit HistoryFile(std::string folder) : folder_{std::move(folder)} {}

  /// What is damaged, of another directory, or not there says that nothing is known.
  HistoryRecord read(const std::string& identity) const;
  Status write(const HistoryRecord& record, const std::string& identity) const;
  Status forget() const;
  std::string path() const { return folder_ + "/history"; }

 private:
  std::string folder_;
};

}  // namespace clusteragent::filesync
