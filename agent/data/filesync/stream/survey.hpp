#pragma once
// Survey: what is in the directories, looked at while the application goes on, so that a copy need not keep it waiting
// for as long as it takes to look at every file. What is done meanwhile is told to the survey by whom records it; at
// the moment of the copy only that is looked at once more. Source of the idea: fuzzy checkpoints (Haerder and Reuter,
// "Principles of Transaction-Oriented Database Recovery", 1983).
//
// Threads: look() by one; saw() by any, one at a time (the caller's lock); the questions when nobody calls either any
// more. Errors: what could not be looked at is not known, and who asks looks for himself.
#include <sys/stat.h>

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "agent/data/filesync/store/exclusion.hpp"
#include "agent/data/filesync/stream/file_handle.hpp"
#include "agent/data/filesync/wire/payload.hpp"

namespace clusteragent::filesync {

/// What is to be said of a file, but for its folder.
ManifestEntry entry_of(int node, FileId file, const std::string& name, const struct stat& of);

/// A name in a folder, and all that the manifest says of its file.
struct FoundEntry {
  std::string name;
  FileId file;
  FileHandle handle;
  mode_t mode = 0;
  std::uint64_t size = 0;
  std::vector<std::byte> packed;  // ManifestEntry
};

/// Looks at the files of one directory.
class TreeReader {
 public:
  TreeReader(const Directory& directory, VolumeNumber number) : directory_{directory}, number_{number} {}

  /// Nothing, and no problem: it is not replicated. `path` is relative to the directory, "" is itself; a problem is a
  /// text for the operator.
  std::optional<FoundEntry> read(FileId folder, int node, const std::string& path, std::string& problem);
  bool excludes(const std::string& path, mode_t mode) const {
    return directory_.exclusion->excludes(path, S_ISDIR(mode));
  }

 private:
  std::string find_root();

  Directory directory_;
  VolumeNumber number_;
  dev_t device_ = 0;
  ino_t root_inode_ = 0;
};

class Survey {
 public:
  explicit Survey(const std::vector<Directory>& directories) : directories_{directories} {}

  /// Until all is seen, or `is_over` says so.
  void look(const std::function<bool()>& is_over);
  void saw(const Head& head, std::span<const std::byte> payload);
  void saw(FileId file) { changed_.insert(file); }

  /// What is in a folder: as it is, but for files that have changed, and for what is not replicated since a folder
  /// above was moved. Null: not known.
  const std::vector<FoundEntry>* names_in(FileId folder) const;
  bool has_changed(FileId file) const { return changed_.contains(file); }

 private:
  void look_into(TreeReader& reader, const FoundEntry& folder, int node, const std::string& path);

  const std::vector<Directory>& directories_;
  const std::function<bool()>* is_over_ = nullptr;
  std::unordered_map<FileId, std::vector<FoundEntry>> folders_;
  std::unordered_set<FileId> changed_;  // its contents, attributes
  std::unordered_set<FileId> renamed_;  // folders: names in it
};

}  // namespace clusteragent::filesync
