#pragma once
// What travels between the two engines: frames of a fixed head and a payload, little-endian, inside TLS. Up to
// `copy_end` they go from the primary to the replica in one total order, which is that of its own file system; the rest
// are the replica's answers. Values; no I/O; any thread.
// Errors: a head that says more than payload_bytes_max, or an unknown operation, is refused by read_head.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "agent/base/ids.hpp"

namespace clusteragent::filesync {

/// A file of the primary: which of the replicated directories it is in (the upper 8 bits), and its inode number there,
/// which is the file's as long as the primary holds it; paths are not.
using FileId = Id<struct FileIdTag, std::uint64_t>;
/// A replicated directory: its place in the configuration, which is the same on both nodes.
using VolumeNumber = std::uint8_t;
/// Position in the stream of one connection, from 1.
using Sequence = Id<struct SequenceTag, std::uint64_t>;

inline constexpr unsigned inode_bits = 56;
/// No file system of Linux comes near it; one that did is refused, file by file.
inline constexpr std::uint64_t inode_max = (1ULL << inode_bits) - 1;
constexpr FileId file_of(VolumeNumber volume, std::uint64_t inode) {
  return FileId{(std::uint64_t{volume} << inode_bits) | (inode & inode_max)};
}
constexpr VolumeNumber volume_of(FileId file) {
  return static_cast<VolumeNumber>(file.value() >> inode_bits);
}
constexpr std::uint64_t inode_of(FileId file) {
  return file.value() & inode_max;
}
/// The directory itself: what FUSE calls it.
inline constexpr std::uint64_t root_inode = 1;
constexpr FileId root_of(VolumeNumber volume) {
  return file_of(volume, root_inode);
}
constexpr bool is_root(FileId file) {
  return inode_of(file) == root_inode;
}

inline constexpr std::uint16_t protocol_version = 2;

enum class Op : std::uint16_t {  // on the wire: do not renumber
  hello = 1,                     // payload: Hello
  welcome = 2,                   // payload: Hello
  refusal = 3,                   // payload: text
  ping = 4,
  write = 16,           // file, offset; payload: data
  truncate = 17,        // file, offset: size
  allocate = 18,        // file, offset, extra: length, flags: mode of fallocate(2)
  create = 19,          // file: the new one, offset: folder; payload: NewFile
  link = 20,            // file, offset: folder; payload: name
  remove = 21,          // offset: folder, flags: 1 for a folder; payload: name
  rename = 22,          // offset: folder, extra: new folder, flags: of renameat2(2); payload: two names
  attributes = 23,      // file; payload: AttributeChange
  xattr_set = 24,       // file, flags: of setxattr(2); payload: name, value
  xattr_remove = 25,    // file; payload: name
  sync = 26,            // file: to disk before it is acknowledged
  drop = 27,            // file: the primary has let go of it and no name is left
  create_unnamed = 28,  // as create, without a name, which a link may give it
  manifest_begin = 40,
  manifest_entry = 41,  // flags: 1 where its counterpart is at its path; payload: ManifestEntry
  manifest_end = 42,    // answered by adopted where manifest_begin has flags 1: what differs is known
  hashes = 43,          // file, offset, extra: bytes that are covered; payload: BlockHash of each block
  copy_end = 44,        // answered by copied once everything is on disk
  checkpoint = 45,      // answered by durable once everything before it is on disk; nothing waits for it
  ack = 48,             // sequence: applied up to here, all of it
  differs = 49,         // answer to hashes, with what those were of; payload: numbers of blocks
  copied = 50,          // answer to copy_end
  failure = 51,         // payload: text; the replica cannot go on
  durable = 52,         // answer to checkpoint
  adopted = 53,         // flags: 1 in the last one; payload: Doubts
  // Of a verification, while both go on; what the payloads are: verify_payload.hpp
  verify_names = 64,  // file: the folder, flags: 1 when more of it follows; payload: VerifiedNames
  verify_entry = 65,  // file, extra: link count; payload: ManifestEntry
  verify_data = 66,   // file, offset, extra: bytes; payload: BlockHash of each block, or nothing: all are zeros
  repair_name = 67,   // file: the folder; payload: ManifestEntry
  repair_entry = 68,  // file; payload: ManifestEntry
  repair_extra = 69,  // file: the folder; payload: name that the primary does not have
  verified = 72,      // answer to each verify_*, in their order, with what they were of; payload: what differs
};

inline constexpr std::size_t head_bytes = 40;
/// The largest write of the kernel's FUSE is 1 MiB; a manifest entry with its extended attributes stays below as well.
inline constexpr std::size_t payload_bytes_max = 2 * 1024 * 1024;

struct Head {
  std::uint32_t payload_bytes = 0;
  Op op = Op::ping;
  std::uint16_t flags = 0;
  Sequence sequence{};
  FileId file{};
  std::uint64_t offset = 0;
  std::uint64_t extra = 0;
  friend bool operator==(const Head&, const Head&) = default;
};

std::array<std::byte, head_bytes> write_head(const Head& head);
/// Nothing: the other side breaks the protocol.
std::optional<Head> read_head(std::span<const std::byte, head_bytes> bytes);

}  // namespace clusteragent::filesync
