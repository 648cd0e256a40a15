#pragma once
// NodeTable: the files that the kernel knows, by the number under which it does. Each holds a descriptor of its own, so
// that the number stays the file's whatever is renamed or removed. Threads: any.
#include <sys/stat.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "agent/data/filesync/wire/operation.hpp"
#include "agent/platform/fd.hpp"

namespace clusteragent::filesync {

struct Node {
  FileId id;
  platform::Fd path;  // O_PATH
  mode_t type = 0;
  bool is_local = false;      // not replicated
  std::uint64_t lookups = 0;  // guarded by the table
  std::atomic<bool> has_new_times = false;
};
using NodeRef = std::shared_ptr<Node>;

class NodeTable {
 public:
  NodeTable(VolumeNumber volume, platform::Fd root);

  const struct stat& root() const { return root_; }
  int root_path() const { return root_path_; }
  VolumeNumber volume() const { return volume_; }
  FileId id_of(const struct stat& of) const;
  /// One reference more; the descriptor is kept where the file is new.
  NodeRef refer(platform::Fd path, const struct stat& of, bool is_local);
  NodeRef find(FileId id);
  /// Returns the node when the kernel has forgotten it.
  NodeRef forget(FileId id, std::uint64_t lookups);

 private:
  VolumeNumber volume_;
  struct stat root_ {};
  int root_path_ = -1;  // of the root's node, which stays
  std::mutex mutex_;
  std::unordered_map<FileId, NodeRef> nodes_;
};

}  // namespace clusteragent::filesync
