#include "agent/data/filesync/replica/replica_files.hpp"

#include <errno.h>
#include <fcntl.h>

#include "agent/data/filesync/store/backing.hpp"

namespace clusteragent::filesync {

ReplicaFile::Ref ReplicaFile::open(DescriptorCache& cache, int flags) const {
  const int root = files_->root_of_file(id_);
  platform::Fd opened = kept_ ? backing::reopen(kept_->number(), flags) : open_handle(root, handle_, flags);
  // What could not be opened must not be found later in place of the file.
  if (!opened) return std::make_shared<const platform::Fd>();
  return cache.put(id_.value(), std::move(opened));
}

ReplicaFile::Ref ReplicaFile::node() const {
  if (kept_) return kept_;
  // Whoever writes a file sets its times soon after.
  if (Ref known = files_->contents_.find(id_.value())) return known;
  if (Ref known = files_->nodes_.find(id_.value())) return known;
  return open(files_->nodes_, O_PATH | O_NOFOLLOW);
}

ReplicaFile::Ref ReplicaFile::contents() const {
  if (Ref known = files_->contents_.find(id_.value())) return known;
  return open(files_->contents_, O_RDWR);
}

ReplicaFiles::ReplicaFiles(const std::vector<Directory>& directories, std::size_t limit)
    : nodes_{limit / 2}, contents_{limit / 2} {
  for (const Directory& directory : directories) roots_.push_back(directory.root);
}

int ReplicaFiles::put(FileId id, platform::Fd node) {
  auto handle = handle_of(node.number());
  if (!handle) return errno;
  erase(id);
  files_.emplace(id, ReplicaFile{*this, id, std::move(*handle)});
  nodes_.put(id.value(), std::move(node));
  return 0;
}

int ReplicaFiles::put_unnamed(FileId id, platform::Fd node) {
  auto handle = handle_of(node.number());
  if (!handle) return errno;
  erase(id);
  const auto made = files_.emplace(id, ReplicaFile{*this, id, std::move(*handle)}).first;
  made->second.kept_ = std::make_shared<const platform::Fd>(std::move(node));
  return 0;
}

void ReplicaFiles::name(FileId id) {
  const auto found = files_.find(id);
  if (found != files_.end()) found->second.kept_.reset();
}

void ReplicaFiles::erase(FileId id) {
  // A descriptor that stayed open would keep a removed file on the disk.
  nodes_.drop(id.value());
  contents_.drop(id.value());
  files_.erase(id);
}

void ReplicaFiles::clear() {
  nodes_.clear();
  contents_.clear();
  files_.clear();
}

}  // namespace clusteragent::filesync
