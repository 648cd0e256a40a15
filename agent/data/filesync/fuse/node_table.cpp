#include "agent/data/filesync/fuse/node_table.hpp"

#include <errno.h>

#include <algorithm>

#include "agent/data/filesync/store/backing.hpp"

namespace clusteragent::filesync {

Node::Node(NodeTable& in, FileId number, FileHandle of)
    : table{in}, descriptors{in.descriptors()}, id{number}, handle{std::move(of)}, key{descriptors.new_key()} {}

Node::~Node() {
  // Here and not where the kernel forgets it: somebody may have opened it once more since, and what stays open keeps a
  // removed file on the disk.
  descriptors.drop(key);
}

OpenNode::OpenNode(NodeRef node) : node_{std::move(node)} {
  if (node_) path_ = node_->table.open(*node_);
  if (!path_) error_ = node_ ? errno : ESTALE;
}

NodeTable::NodeTable(VolumeNumber volume, platform::Fd root, DescriptorCache& descriptors)
    : volume_{volume}, descriptors_{descriptors} {
  backing::stat_of(root.number(), root_);
  auto node = std::make_shared<Node>(*this, root_of(volume), FileHandle{});
  root_path_ = root.number();
  node->pinned = std::make_shared<const platform::Fd>(std::move(root));
  node->type = S_IFDIR;
  node->lookups = 1;  // the mount's
  nodes_.emplace(root_of(volume), std::move(node));
}

FileId NodeTable::id_of(const struct stat& of) const {
  return of.st_ino == root_.st_ino ? root_of(volume_) : file_of(volume_, of.st_ino);
}

NodeRef NodeTable::refer(platform::Fd path, const struct stat& of, bool is_local) {
  auto handle = handle_of(path.number());
  if (!handle) return nullptr;
  const FileId id = id_of(of);
  NodeRef node;
  NodeRef former;
  {
    const std::lock_guard lock{mutex_};
    NodeRef& known = nodes_[id];
    // On a replica a file goes without the kernel's knowing, and a new one may get its number.
    if (!known || (!is_root(id) && known->handle != *handle)) {
      former = std::move(known);
      known = std::make_shared<Node>(*this, id, std::move(*handle));
      known->type = of.st_mode & S_IFMT;
      known->is_local = is_local;
      if (former) known->lookups = former->lookups;
    }
    known->lookups++;
    node = known;
  }
  if (pinned(*node) || descriptors_.find(node->key)) return node;
  const DescriptorCache::Ref kept = descriptors_.put(node->key, std::move(path));
  // Whoever took the last name away meanwhile may have come too early to find the node here.
  struct stat now {};
  if (backing::stat_of(kept->number(), now) == 0 && now.st_nlink == 0) pin(id, kept);
  return node;
}

NodeRef NodeTable::find(FileId id) {
  const std::lock_guard lock{mutex_};
  const auto found = nodes_.find(id);
  return found == nodes_.end() ? nullptr : found->second;
}

DescriptorCache::Ref NodeTable::open(const Node& node) {
  if (DescriptorCache::Ref kept = pinned(node)) return kept;
  if (DescriptorCache::Ref known = descriptors_.find(node.key)) return known;
  platform::Fd opened = open_handle(root_path_, node.handle, O_PATH | O_NOFOLLOW);
  return opened ? descriptors_.put(node.key, std::move(opened)) : nullptr;
}

void NodeTable::pin(FileId id, DescriptorCache::Ref path) {
  const std::lock_guard lock{mutex_};
  const auto found = nodes_.find(id);
  if (found == nodes_.end() || found->second->pinned) return;
  found->second->pinned = std::move(path);
  descriptors_.drop(found->second->key);
}

void NodeTable::unpin(FileId id) {
  const std::lock_guard lock{mutex_};
  const auto found = nodes_.find(id);
  if (found != nodes_.end() && !is_root(id)) found->second->pinned.reset();
}

DescriptorCache::Ref NodeTable::pinned(const Node& node) {
  const std::lock_guard lock{mutex_};
  return node.pinned;
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
