#pragma once
// Adoption: which files of a manifest are here at their paths with what the primary takes them to have, found before
// anything is changed: while the tree is made equal, a name can come to stand for something else. Threads: any.
#include <sys/types.h>

#include <map>
#include <vector>

#include "agent/data/filesync/ledger/regions.hpp"
#include "agent/data/filesync/wire/payload.hpp"

namespace clusteragent::filesync {

struct Adoption {
  std::map<ino_t, FileId> reserved;  // not to be taken for any other file
  Doubts doubts;                     // what the primary may not rely on
};

/// Of the entries of one directory that are marked as certain. `own`: what this node changed itself, by its own
/// numbers.
Adoption adopt(int root, VolumeNumber number, const std::vector<ManifestEntry>& manifest, const Marks& own);

}  // namespace clusteragent::filesync
