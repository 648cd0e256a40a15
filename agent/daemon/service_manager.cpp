#include "agent/daemon/service_manager.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace clusteragent::daemon {

ServiceManager::ServiceManager() {
  const char* address = std::getenv("NOTIFY_SOCKET");
  if (address == nullptr || (address[0] != '/' && address[0] != '@')) return;
  address_ = address;
  if (address_.size() >= sizeof(sockaddr_un::sun_path)) return;
  socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (const char* micros = std::getenv("WATCHDOG_USEC")) {
    const long long parsed = std::atoll(micros);
    if (parsed > 0) watchdog_interval_ = std::chrono::microseconds{parsed / 2};
  }
  // The scripts of the module must not take themselves for this service.
  ::unsetenv("NOTIFY_SOCKET");
  ::unsetenv("WATCHDOG_USEC");
  ::unsetenv("WATCHDOG_PID");
}

ServiceManager::~ServiceManager() {
  if (socket_ >= 0) ::close(socket_);
}

void ServiceManager::ready() {
  send("READY=1");
}
void ServiceManager::stopping() {
  send("STOPPING=1");
}
void ServiceManager::alive() {
  send("WATCHDOG=1");
}
void ServiceManager::status(const std::string& text) {
  send("STATUS=" + text);
}

void ServiceManager::send(const std::string& message) {
  if (socket_ < 0) return;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address_.data(), address_.size());
  if (to.sun_path[0] == '@') to.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  // A lost notification only delays what systemd shows; the watchdog sends again.
  static_cast<void>(
      ::sendto(socket_, message.data(), message.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to), length));
}

}  // namespace clusteragent::daemon
