#include "agent/data/filesync/stream/file_handle.hpp"

#include <algorithm>
#include <array>

namespace clusteragent::filesync {

std::optional<FileHandle> handle_of(int node) {
  alignas(::file_handle) std::array<std::byte, sizeof(::file_handle) + MAX_HANDLE_SZ> room{};
  auto* raw = reinterpret_cast<::file_handle*>(room.data());
  raw->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  if (::name_to_handle_at(node, "", raw, &mount, AT_EMPTY_PATH) != 0) return std::nullopt;
  const auto used = static_cast<std::ptrdiff_t>(sizeof(::file_handle) + raw->handle_bytes);
  return FileHandle{{room.begin(), room.begin() + used}};
}

platform::Fd open_handle(int any, const FileHandle& handle, int flags) {
  alignas(::file_handle) std::array<std::byte, sizeof(::file_handle) + MAX_HANDLE_SZ> room{};
  std::copy(handle.bytes.begin(), handle.bytes.end(), room.begin());
  return platform::Fd{::open_by_handle_at(any, reinterpret_cast<::file_handle*>(room.data()), flags | O_CLOEXEC)};
}

std::uint32_t generation_of(const FileHandle& handle) {
  // FNV-1a.
  std::uint32_t hash = 2166136261U;
  for (const std::byte each : handle.bytes) hash = (hash ^ std::to_integer<std::uint32_t>(each)) * 16777619U;
  return hash;
}

}  // namespace clusteragent::filesync
