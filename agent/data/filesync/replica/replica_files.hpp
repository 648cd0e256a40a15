#pragma once
// ReplicaFiles: which file here is which of the primary's. There are more of them than a process may have descriptors:
// a file is kept by its handle, and opened when it is needed. One without a name has a descriptor of its own until it
// gets a name (O_TMPFILE): nothing else keeps it.
// Threads: one. Errors: an empty descriptor or the system's errno; ESTALE: the file has no name any more.
#include <unordered_map>
#include <vector>

#include "agent/data/filesync/store/descriptor_cache.hpp"
#include "agent/data/filesync/store/exclusion.hpp"
#include "agent/data/filesync/stream/file_handle.hpp"
#include "agent/data/filesync/wire/operation.hpp"

namespace clusteragent::filesync {

class ReplicaFiles;

/// As long as the ReplicaFiles live that it is of.
class ReplicaFile {
 public:
  using Ref = DescriptorCache::Ref;

  ReplicaFile(ReplicaFiles& files, FileId id, FileHandle handle)
      : files_{&files}, id_{id}, handle_{std::move(handle)} {}
  /// For names and attributes; O_PATH, or open for more. Never null; an empty Fd: errno says why.
  Ref node() const;
  /// Open for reading and writing. Never null; an empty Fd: errno says why.
  Ref contents() const;

 private:
  friend class ReplicaFiles;
  Ref open(DescriptorCache& cache, int flags) const;

  ReplicaFiles* files_;
  FileId id_;
  FileHandle handle_;
  Ref kept_;  // while it has no name
};

class ReplicaFiles {
 public:
  using Map = std::unordered_map<FileId, ReplicaFile>;

  /// `limit`: of descriptors that are kept open for later.
  ReplicaFiles(const std::vector<Directory>& directories, std::size_t limit);
  ReplicaFiles(const ReplicaFiles&) = delete;
  ReplicaFiles& operator=(const ReplicaFiles&) = delete;

  Map::const_iterator find(FileId id) const { return files_.find(id); }
  Map::const_iterator begin() const { return files_.begin(); }
  Map::const_iterator end() const { return files_.end(); }
  std::size_t size() const { return files_.size(); }
  /// In place of what had that number. `node`: O_PATH.
  int put(FileId id, platform::Fd node);
  /// A file that has no name yet; its descriptor is kept.
  int put_unnamed(FileId id, platform::Fd node);
  /// It has one now.
  void name(FileId id);
  void erase(FileId id);
  void clear();

 private:
  friend class ReplicaFile;
  int root_of_file(FileId id) const { return roots_[volume_of(id)]; }

  std::vector<int> roots_;
  DescriptorCache nodes_;
  DescriptorCache contents_;
  Map files_;
};

}  // namespace clusteragent::filesync
