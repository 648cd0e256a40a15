#include "agent/data/filesync/fuse/node_table.hpp"

#include <algorithm>

#include "agent/data/filesync/store/backing.hpp"

namespace clusteragent::filesync {

NodeTable::NodeTable(VolumeNumber volume, platform::Fd root) : volume_{volume} {
  backing::stat_of(root.number(), root_);
  auto node = std::make_shared<Node>();
  node->id = root_of(volume);
  root_path_ = root.number();
  node->path = std::move(root);
  node->type = S_IFDIR;
  node->lookups = 1;  // the mount's
  nodes_.emplace(root_of(volume), std::move(node));
}

FileId NodeTable::id_of(const struct stat& of) const {
  return of.st_ino == root_.st_ino ? root_of(volume_) : file_of(volume_, of.st_ino);
}

NodeRef NodeTable::refer(platform::Fd path, const struct stat& of, bool is_local) {
  const FileId id = id_of(of);
  const std::lock_guard lock{mutex_};
  NodeRef& node = nodes_[id];
  if (!node) {
    node = std::make_shared<Node>();
    node->id = id;
    node->path = std::move(path);
    node->type = of.st_mode & S_IFMT;
    node->is_local = is_local;
  }
  node->lookups++;
  return node;
}

NodeRef NodeTable::find(FileId id) {
  const std::lock_guard lock{mutex_};
  const auto found = nodes_.find(id);
  return found == nodes_.end() ? nullptr : found->second;
}

NodeRef NodeTable::forget(FileId id, std::uint64_t lookups) {
  const std::lock_guard lock{mutex_};
  const auto found = nodes_.find(id);
  if (found == nodes_.end() || is_root(id)) return nullptr;
  found->second->lookups -= std::min(lookups, found->second->lookups);
  if (found->second->lookups > 0) return nullptr;
  NodeRef gone = std::move(found->second);
  nodes_.erase(found);
  return gone;
}

}  // namespace clusteragent::filesync
