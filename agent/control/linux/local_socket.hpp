#pragma once
// Unix stream sockets by path. Linux only. Functions without state; any thread.
//
// A socket address holds 107 bytes (unix(7)); a path below a deep --root is longer. It is then reached through
// /proc/self/fd of its directory, which is always short.
#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "agent/base/result.hpp"
#include "agent/control/permission.hpp"

namespace clusteragent::control {

/// Keeps the directory open for as long as the address is in use.
class LocalAddress {
 public:
  static Result<LocalAddress> of(const std::string& path);
  LocalAddress(LocalAddress&& other) noexcept;
  LocalAddress& operator=(LocalAddress&&) = delete;
  ~LocalAddress();

  const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&address_); }
  static constexpr socklen_t size() { return sizeof(sockaddr_un); }

 private:
  LocalAddress() = default;
  sockaddr_un address_{};
  int directory_ = -1;
};

/// Whether a living process, be it stopped or overloaded, has the socket open.
bool is_listened_on(const std::string& path);

/// Who connected, as the kernel recorded it at that moment.
Result<Caller> caller_of(int socket);

/// "No such file or directory": for messages.
std::string reason_of(int error_number);

}  // namespace clusteragent::control
