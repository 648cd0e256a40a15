#include "tests/integration/fence/prober.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <stdexcept>

#include "agent/platform/asio.hpp"

namespace clusteragent::testing {
namespace {

using platform::boottime_now;
constexpr std::uint16_t port = 4242;

int open_socket(const boost::asio::ip::udp::endpoint& endpoint, bool is_server) {
  const int family = endpoint.address().is_v4() ? AF_INET : AF_INET6;
  const int socket = ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(socket, SOL_IP, IP_FREEBIND, &on, sizeof on);
  ::setsockopt(socket, SOL_IPV6, IPV6_FREEBIND, &on, sizeof on);
  timeval patience{0, 1000};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const auto size = static_cast<socklen_t>(endpoint.size());
  const int code = is_server ? ::bind(socket, endpoint.data(), size) : ::connect(socket, endpoint.data(), size);
  if (code != 0) throw std::runtime_error{std::string{"prober: "} + std::strerror(errno)};
  return socket;
}

}  // namespace

Prober::Prober(const Namespace& server, const Namespace& client, const std::string& address) {
  const boost::asio::ip::udp::endpoint endpoint{boost::asio::ip::make_address(address), port};
  int sockets[2] = {};
  server.run([&] { sockets[0] = open_socket(endpoint, true); });
  client.run([&] { sockets[1] = open_socket(endpoint, false); });
  server_ = std::thread{[this, socket = sockets[0]] { serve(socket); }};
  client_ = std::thread{[this, socket = sockets[1]] { ask(socket); }};
}

Prober::~Prober() {
  is_over_ = true;
  server_.join();
  client_.join();
}

void Prober::serve(int socket) const {
  std::array<char, 64> buffer{};
  while (!is_over_) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const ssize_t got = ::recvfrom(socket, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got <= 0) continue;
    ::sendto(socket, buffer.data(), static_cast<std::size_t>(got), 0, reinterpret_cast<const sockaddr*>(&from), size);
  }
  ::close(socket);
}

void Prober::ask(int socket) {
  std::array<char, 64> buffer{};
  while (!is_over_) {
    const std::int64_t question = boottime_now().nanoseconds();
    ::send(socket, &question, sizeof question, 0);
    const Instant next = Instant::from_nanoseconds(question) + std::chrono::milliseconds{1};
    while (boottime_now() < next) {
      if (::recv(socket, buffer.data(), buffer.size(), 0) > 0) last_answer_ = boottime_now().nanoseconds();
    }
  }
  ::close(socket);
}

bool Prober::is_served(Duration limit) const {
  const Instant start = boottime_now();
  return eventually(limit, [&] { return last_answer() > start; });
}

bool Prober::falls_silent(Duration quiet, Duration limit) const {
  return eventually(limit, [&] { return boottime_now() - last_answer() > quiet; });
}

}  // namespace clusteragent::testing
