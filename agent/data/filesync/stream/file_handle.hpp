#pragma once
// FileHandle: a file by what its file system calls it (open_by_handle_at(2)): it can be opened again after its names
// changed, without a descriptor that is kept for it. Needs CAP_DAC_READ_SEARCH and a file system that can be exported.
#include <fcntl.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "agent/platform/fd.hpp"

namespace clusteragent::filesync {

struct FileHandle {
  // A file_handle, as long as it is: there is one for every file of a directory.
  std::vector<std::byte> bytes;
  friend bool operator==(const FileHandle&, const FileHandle&) = default;
};

/// Nothing: the file system has no handles; errno says why.
std::optional<FileHandle> handle_of(int node);
/// Of the file system that `any` is on. An empty Fd with ESTALE: the file is gone.
platform::Fd open_handle(int any, const FileHandle& handle, int flags);
/// Tells two files apart that had one inode number, one after the other.
std::uint32_t generation_of(const FileHandle& handle);

}  // namespace clusteragent::filesync
