#pragma once
// The durable record of a module on a node: a small text file, replaced as a whole.
//
// Format (version 1): `clusteragent-state 1`, then `key=value` lines, then `checksum=` over everything before it.
// Written to a temporary file, fsync, rename, fsync of the directory: after a crash either the old or the new one is
// there. A file that is damaged or of a newer version is refused with its path and remedy and never overwritten by
// itself. Values and functions without state; blocking: call them from a thread that may wait for the disk.
#include <optional>
#include <string>

#include "agent/base/result.hpp"
#include "agent/core/types.hpp"

namespace clusteragent::daemon {

std::string encode_state(const core::DurableState& state);
Result<core::DurableState> decode_state(const std::string& text, const std::string& path);

/// nullopt: there is none yet.
Result<std::optional<core::DurableState>> load_state(const std::string& path);
Status save_state(const std::string& path, const core::DurableState& state);

}  // namespace clusteragent::daemon
