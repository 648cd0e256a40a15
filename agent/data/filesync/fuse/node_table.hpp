#pragma once
// NodeTable: the files that the kernel knows, by the number under which it does. There are more of them than a process
// may have descriptors: each is kept by its handle and opened when it is needed. One that has no name any more, or not
// yet, is pinned: it has a descriptor of its own until the kernel forgets it, so that its number stays the file's and
// is not given to another one meanwhile. Threads: any.
#include <sys/stat.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "agent/data/filesync/fuse/inheritance.hpp"
#include "agent/data/filesync/store/descriptor_cache.hpp"
#include "agent/data/filesync/stream/file_handle.hpp"
#include "agent/data/filesync/wire/operation.hpp"
#include "agent/platform/fd.hpp"

namespace clusteragent::filesync {

class NodeTable;

/// Descriptors that outlive the engine: called in the order in which they are to be kept and dropped.
struct KeptFiles {
  std::function<void(FileId, int descriptor)> keep;
  std::function<void(FileId)> drop;
};

struct Node {
  Node(NodeTable& in, FileId number, FileHandle of);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  NodeTable& table;
  DescriptorCache& descriptors;
  const FileId id;
  const FileHandle handle;
  const DescriptorCache::Key key;
  mode_t type = 0;
  bool is_local = false;              // not replicated
  std::uint64_t lookups = 0;          // guarded by the table
  fuse::KnownFile* record = nullptr;  // the same; the root has none
  std::atomic<unsigned> opens = 0;
  std::atomic<bool> is_kept = false;  // by the agent
  DescriptorCache::Ref pinned;        // the same; while it has no name
  std::atomic<bool> has_new_times = false;
  // False: it was looked at, and a write has nothing to strip (suid, sgid, capabilities).
  mutable std::atomic<bool> may_give_privileges = true;
};
using NodeRef = std::shared_ptr<Node>;

/// A node and, as long as this lives, a descriptor of its file. False: why not is in error().
class OpenNode {
 public:
  explicit OpenNode(NodeRef node);
  explicit operator bool() const { return error_ == 0; }
  int error() const { return error_; }
  /// O_PATH.
  int path() const { return path_->number(); }
  const NodeRef& ref() const { return node_; }
  const Node& operator*() const { return *node_; }
  const Node* operator->() const { return node_.get(); }

 private:
  NodeRef node_;
  DescriptorCache::Ref path_;
  int error_ = 0;
};

/// What the kernel has forgotten; empty: it knows it still. The node is not pinned any more, whoever remembers it: what
/// is not needed but to tell its times keeps no descriptor and no room on the disk. Its number is free with `pinned`.
struct Forgotten {
  NodeRef node;
  DescriptorCache::Ref pinned;
};

class NodeTable {
 public:
  /// `root` is open for reading: open_by_handle_at(2) takes no O_PATH. `descriptors` outlives the table and every node
  /// of it.
  NodeTable(VolumeNumber volume, platform::Fd root, DescriptorCache& descriptors,
            std::shared_ptr<fuse::Inheritance> inheritance, KeptFiles kept);

  /// What a former engine told the kernel. `kept`: what the agent has of it. False: it contradicts itself.
  bool restore(std::unordered_map<FileId, platform::Fd> kept);

  const struct stat& root() const { return root_; }
  int root_path() const { return root_path_; }
  VolumeNumber volume() const { return volume_; }
  DescriptorCache& descriptors() { return descriptors_; }
  FileId id_of(const struct stat& of) const;
  /// One reference more. Nothing: errno says why.
  NodeRef refer(platform::Fd path, const struct stat& of, bool is_local);
  NodeRef find(FileId id);
  /// Nothing: errno says why; ESTALE: the file is gone.
  DescriptorCache::Ref open(const Node& node);
  /// Its last name is gone. `path` was opened while it had one: the number was not free in between.
  void pin(FileId id, DescriptorCache::Ref path);
  /// It has a name.
  void unpin(FileId id);
  /// Empty: it is not pinned.
  DescriptorCache::Ref pinned(const Node& node);
  /// Whether the agent has it, as it is open and has no name, or is about to have none (`loses_name`).
  void settle_keeping(Node& node, bool loses_name = false);
  Forgotten forget(FileId id, std::uint64_t lookups);

 private:
  VolumeNumber volume_;
  DescriptorCache& descriptors_;
  struct stat root_ {};
  int root_path_ = -1;  // of the root's node, which stays
  const std::shared_ptr<fuse::Inheritance> inheritance_;
  const KeptFiles kept_;
  std::mutex keeping_;  // before mutex_
  std::mutex mutex_;
  std::unordered_map<FileId, NodeRef> nodes_;
};

}  // namespace clusteragent::filesync
