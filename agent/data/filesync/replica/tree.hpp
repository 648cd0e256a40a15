#pragma once
// How the tree here is made equal to a manifest: names, kinds, owners, modes, sizes and extended attributes. Contents
// and times come later in the stream. Threads: one.
#include <string>
#include <vector>

#include "agent/data/filesync/replica/adoption.hpp"
#include "agent/data/filesync/replica/replica_files.hpp"
#include "agent/data/filesync/store/exclusion.hpp"
#include "agent/data/filesync/wire/payload.hpp"

namespace clusteragent::filesync {

class Salvage;

/// One name of a folder, not what is in it where it is one of a folder. Errors: errno.
int make_name_equal(int folder, const ManifestEntry& entry, ReplicaFiles& files);
/// One file under whatever names: owner, mode, size, extended attributes. Errors: errno.
int make_entry_equal(const ReplicaFile& file, const ManifestEntry& entry, ReplicaFiles& files);

/// One directory; its files are added. What of it is not replicated stays, as long as the folder does that it is in.
/// `salvage`: gets what is about to be lost; may be null. Errors: text for the operator.
std::string make_equal(const Directory& directory, VolumeNumber number, const std::vector<ManifestEntry>& manifest,
                       const Adoption& adoption, ReplicaFiles& files, Salvage* salvage);

}  // namespace clusteragent::filesync
