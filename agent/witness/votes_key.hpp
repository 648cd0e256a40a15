#pragma once
// Under which key the votes of a cluster lie. Files are named after a key, keys change, and a vote that is not found
// again could be given twice; so the first key of a cluster names its files for ever, and each later one is followed by
// a file `<key id>.votes` that says so, on disk before the first question under that key is answered. Functions without
// state; blocking.
#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/result.hpp"

namespace clusteragent::witness {

/// `keys`: ids of the keys that one cluster accepts, the current one first. `voting`: ids under which modules vote in
/// memory, perhaps not on disk yet. The error: the keys lead to the votes of two clusters, a file is damaged, or the
/// disk does not take one.
Result<std::uint64_t> settle_votes_key(const std::string& directory, const std::vector<std::uint64_t>& keys,
                                       const std::vector<std::uint64_t>& voting);

}  // namespace clusteragent::witness
