#pragma once
// How much one question of a verification is about. Small: the application's own operations wait behind it on the
// replica, and for the lock of the file on the primary.
#include "agent/data/filesync/stream/block_hash.hpp"

namespace clusteragent::filesync {

inline constexpr std::size_t verify_chunk_bytes = 4 * block_bytes;
/// Of a hole, most of which is one on the replica as well and costs no reading.
inline constexpr std::uint64_t verify_zeros_bytes_max = 256 * block_bytes;

}  // namespace clusteragent::filesync
