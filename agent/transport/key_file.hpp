#pragma once
// The cluster key's file: written once by `clusteragent keygen`, readable by its owner alone.
// Blocking; for start-up and the command line.
#include <string>

#include "agent/base/result.hpp"
#include "agent/wire/keys.hpp"

namespace clusteragent::transport {

/// The text of a small file that only its owner may read; the error of one that others may read names the remedy.
Result<std::string> read_private_file(const std::string& path);
/// Mode 0600, written whole or not at all, on disk when it returns. An existing file is replaced only when `replaces`.
Status write_private_file(const std::string& path, const std::string& text, bool replaces);
/// What was renamed, linked or removed beside `path` outlasts a crash.
Status sync_folder_of(const std::string& path);

/// Refuses a file that others may read: a key that leaked lets anybody on the network command the cluster.
Result<wire::Key> load_key(const std::string& path);
/// Mode 0600, written whole or not at all. An existing file is replaced only when `replaces`.
Status save_key(const std::string& path, const wire::Key& key, bool replaces);

}  // namespace clusteragent::transport
