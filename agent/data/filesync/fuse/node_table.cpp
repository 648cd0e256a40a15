#include "agent/data/filesync/fuse/node_table.hpp"

#include <errno.h>

#include <algorithm>
#include <utility>

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

NodeTable::NodeTable(VolumeNumber volume, platform::Fd root, DescriptorCache& descriptors,
                     std::shared_ptr<fuse::Inheritance> inheritance, KeptFiles kept)
    : volume_{volume}, descriptors_{descriptors}, inheritance_{std::move(inheritance)}, kept_{std::move(kept)} {
  backing::stat_of(root.number(), root_);
  auto node = std::make_shared<Node>(*this, root_of(volume), FileHandle{});
  root_path_ = root.number();
  node->pinned = std::make_shared<const platform::Fd>(std::move(root));
  node->type = S_IFDIR;
  node->lookups = 1;  // the mount's
  nodes_.emplace(root_of(volume), std::move(node));
}

bool NodeTable::restore(std::unordered_map<FileId, platform::Fd> kept) {
  const std::lock_guard lock{mutex_};
  for (fuse::KnownFile& record : inheritance_->files()) {
    if (record.file == 0) continue;
    // It died before the kernel was told.
    if (record.lookups == 0) {
      inheritance_->remove_file(&record);
      continue;
    }
    const auto bytes = std::span{record.handle}.first(std::min(record.handle.size(), std::size_t{record.handle_bytes}));
    auto node = std::make_shared<Node>(*this, FileId{record.file}, FileHandle{{bytes.begin(), bytes.end()}});
    node->type = record.type;
    node->is_local = record.is_local != 0;
    node->lookups = record.lookups;
    node->record = &record;
    // It died while a file took the number of another one: which of them the kernel means is not certain.
    if (!nodes_.emplace(node->id, node).second) return false;
  }
  for (auto& [id, descriptor] : kept) {
    const auto found = nodes_.find(id);
    struct stat of {};
    if (found == nodes_.end() || backing::stat_of(descriptor.number(), of) != 0 || of.st_nlink > 0) {
      kept_.drop(id);
      continue;
    }
    found->second->pinned = std::make_shared<const platform::Fd>(std::move(descriptor));
    found->second->is_kept = true;
  }
  return true;
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
      known->record = inheritance_->add_file(id, known->handle, known->type, is_local);
      if (former && former->record != nullptr) inheritance_->remove_file(std::exchange(former->record, nullptr));
    }
    known->lookups++;
    if (known->record != nullptr) known->record->lookups = known->lookups;
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

void NodeTable::settle_keeping(Node& node, bool loses_name) {
  const std::lock_guard lock{keeping_};
  const DescriptorCache::Ref pin = pinned(node);
  const bool is_wanted = node.opens > 0 && !is_root(node.id) && (loses_name || pin);
  if (is_wanted == node.is_kept) return;
  if (is_wanted) {
    const DescriptorCache::Ref path = open(node);
    if (!path) return;
    kept_.keep(node.id, path->number());
  } else {
    kept_.drop(node.id);
  }
  node.is_kept = is_wanted;
}

Forgotten NodeTable::forget(FileId id, std::uint64_t lookups) {
  const std::lock_guard lock{mutex_};
  const auto found = nodes_.find(id);
  if (found == nodes_.end() || is_root(id)) return {};
  fuse::KnownFile* const record = found->second->record;
  found->second->lookups -= std::min(lookups, found->second->lookups);
  if (record != nullptr) record->lookups = found->second->lookups;
  if (found->second->lookups > 0) return {};
  if (record != nullptr) inheritance_->remove_file(std::exchange(found->second->record, nullptr));
  NodeRef gone = std::move(found->second);
  nodes_.erase(found);
  DescriptorCache::Ref pinned = std::move(gone->pinned);
  return {std::move(gone), std::move(pinned)};
}

}  // namespace clusteragent::filesync
