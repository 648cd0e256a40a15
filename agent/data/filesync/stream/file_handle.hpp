#pragma once
// FileHandle: a file by what its file system calls it (open_by_handle_at(2)): it can be opened again after its names
// changed, without a descriptor that is kept for it. Needs CAP_DAC_READ_SEARCH and a file system that can be exported.
#include <fcntl.h>

#include <array>
#include <cstddef>
#include <optional>

#include "agent/platform/fd.hpp"

namespace clusteragent::filesync {

struct FileHandle {
  alignas(::file_handle) std::array<std::byte, sizeof(::file_handle) + MAX_HANDLE_SZ> bytes{};
};

/// Nothing: the file system has no handles; errno says why.
std::optional<FileHandle> handle_of(int node);
/// Of the file system that `any` is on. An empty Fd with ESTALE: the file is gone.
platform::Fd open_handle(int any, const FileHandle& handle, int flags);

}  // namespace clusteragent::filesync
