#include "agent/control/linux/local_socket.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace clusteragent::control {

Result<LocalAddress> LocalAddress::of(const std::string& path) {
  LocalAddress local;
  local.address_.sun_family = AF_UNIX;
  std::string shown = path;
  if (shown.size() >= sizeof local.address_.sun_path) {
    const std::size_t slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash);
    local.directory_ = ::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (local.directory_ < 0) {
      const ErrorCode code = errno == ENOENT ? ErrorCode::unreachable : ErrorCode::system;
      return Error{code, fmt::format("cannot open {}: {}", directory, reason_of(errno))};
    }
    shown = fmt::format("/proc/self/fd/{}/{}", local.directory_, path.substr(slash + 1));
  }
  if (shown.size() >= sizeof local.address_.sun_path) {
    return Error{ErrorCode::usage, fmt::format("{}: the last part of a socket's path is too long", path)};
  }
  std::memcpy(local.address_.sun_path, shown.c_str(), shown.size() + 1);
  return local;
}

LocalAddress::LocalAddress(LocalAddress&& other) noexcept
    : address_{other.address_}, directory_{std::exchange(other.directory_, -1)} {}

LocalAddress::~LocalAddress() {
  if (directory_ >= 0) ::close(directory_);
}

bool is_listened_on(const std::string& path) {
  const auto address = LocalAddress::of(path);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (!address || socket < 0) return false;
  const int outcome = ::connect(socket, address->address(), LocalAddress::size());
  const int reason = errno;
  ::close(socket);
  return outcome == 0 || reason == EAGAIN;  // EAGAIN: its queue of connections is full
}

Result<Caller> caller_of(int socket) {
  ucred basic{};
  socklen_t size = sizeof basic;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &basic, &size) != 0) {
    return Error{ErrorCode::system, fmt::format("cannot learn who connected: {}", reason_of(errno))};
  }
  Caller caller{basic.uid, {}};
  socklen_t bytes = 0;
  // The first call tells the size; a process has at most NGROUPS_MAX (65536) supplementary groups.
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, nullptr, &bytes) != 0 && errno == ERANGE) {
    caller.groups.resize(bytes / sizeof(gid_t));
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, caller.groups.data(), &bytes) != 0) caller.groups.clear();
  }
  caller.groups.push_back(basic.gid);
  return caller;
}

std::string reason_of(int error_number) {
  return std::generic_category().message(error_number);
}

}  // namespace clusteragent::control
