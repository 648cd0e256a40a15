#pragma once
// ReplicaFiles: which file here is which of the primary's; and how the tree here is made equal to a manifest, names,
// kinds, owners, modes, sizes and extended attributes. Contents and times come later in the stream. Threads: one.
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/data/filesync/replica/adoption.hpp"
#include "agent/data/filesync/store/exclusion.hpp"
#include "agent/data/filesync/wire/payload.hpp"
#include "agent/platform/fd.hpp"

namespace clusteragent::filesync {

class Salvage;

class ReplicaFile {
 public:
  ReplicaFile() = default;
  explicit ReplicaFile(platform::Fd node) : node_{std::move(node)} {}
  int node() const { return node_.number(); }
  /// Open for reading and writing; kept. -1: errno says why.
  int contents();

 private:
  platform::Fd node_;  // O_PATH
  platform::Fd contents_;
};
using ReplicaFiles = std::unordered_map<FileId, ReplicaFile>;

/// One name of a folder, not what is in it where it is one of a folder. Errors: errno.
int make_name_equal(int folder, const ManifestEntry& entry, ReplicaFiles& files);
/// One file under whatever names: owner, mode, size, extended attributes. Errors: errno.
int make_entry_equal(ReplicaFile& file, const ManifestEntry& entry);

/// One directory; its files are added. What of it is not replicated stays, as long as the folder does that it is in.
/// `salvage`: gets what is about to be lost; may be null. Errors: text for the operator.
std::string make_equal(const Directory& directory, VolumeNumber number, const std::vector<ManifestEntry>& manifest,
                       const Adoption& adoption, ReplicaFiles& files, Salvage* salvage);

}  // namespace clusteragent::filesync
