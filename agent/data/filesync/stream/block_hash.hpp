#pragma once
// BlockHash: by which the two copies of a block are compared without sending it. XXH3, 128 bits: against chance, not
// against somebody who writes files in order to make two alike.
#include <xxhash.h>

#include <cstddef>
#include <span>

namespace clusteragent::filesync {

inline constexpr std::size_t block_bytes = 64 * 1024;
/// One question and one answer a chunk.
inline constexpr std::size_t chunk_bytes = 16 * block_bytes;

using BlockHash = XXH128_hash_t;
inline BlockHash hash_of(std::span<const std::byte> block) {
  return XXH3_128bits(block.data(), block.size());
}

}  // namespace clusteragent::filesync
