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

/// One directory; its files are added. What of it is not replicated stays, as long as the folder does that it is in.
/// Errors: text for the operator.
std::string make_equal(const Directory& directory, VolumeNumber number, const std::vector<ManifestEntry>& manifest,
                       const Adoption& adoption, ReplicaFiles& files);

}  // namespace clusteragent::filesync
