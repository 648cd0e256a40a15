#include "agent/data/filesync/stream/file_handle.hpp"

namespace clusteragent::filesync {

std::optional<FileHandle> handle_of(int node) {
  FileHandle handle;
  auto* raw = reinterpret_cast<::file_handle*>(handle.bytes.data());
  raw->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  if (::name_to_handle_at(node, "", raw, &mount, AT_EMPTY_PATH) != 0) return std::nullopt;
  return handle;
}

platform::Fd open_handle(int any, const FileHandle& handle, int flags) {
  FileHandle copy = handle;
  return platform::Fd{::open_by_handle_at(any, reinterpret_cast<::file_handle*>(copy.bytes.data()), flags | O_CLOEXEC)};
}

}  // namespace clusteragent::filesync
