#pragma once
// The cluster key's file: written once by `clusteragent keygen`, readable by its owner alone.
// Blocking; for start-up and the command line.
#include <string>

#include "agent/base/result.hpp"
#include "agent/wire/keys.hpp"

namespace clusteragent::transport {

/// Refuses a file that others may read: a key that leaked lets anybody on the network command the cluster.
Result<wire::Key> load_key(const std::string& path);
/// Mode 0600, written whole or not at all. An existing file is replaced only when `replaces`.
Status save_key(const std::string& path, const wire::Key& key, bool replaces);

}  // namespace clusteragent::transport
