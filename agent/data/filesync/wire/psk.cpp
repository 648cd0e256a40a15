#include "agent/data/filesync/wire/psk.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "agent/base/assert.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::filesync {
namespace {

// A PSK of 32 bytes goes with SHA-256 (RFC 8446 §4.2.11), and AES has hardware everywhere.
constexpr const char* cipher_suite = "TLS_AES_128_GCM_SHA256";

const std::vector<SharedKey>& keys_of(SSL* tls) {
  return *static_cast<const std::vector<SharedKey>*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(tls)));
}

unsigned give_key(SSL* tls, const char*, char* identity, unsigned identity_max, unsigned char* key, unsigned key_max) {
  const SharedKey& first = keys_of(tls).front();
  if (first.identity.size() + 1 > identity_max || first.key.size() > key_max) return 0;
  std::memcpy(identity, first.identity.c_str(), first.identity.size() + 1);
  std::memcpy(key, first.key.data(), first.key.size());
  return static_cast<unsigned>(first.key.size());
}

unsigned find_key(SSL* tls, const char* identity, unsigned char* key, unsigned key_max) {
  for (const SharedKey& each : keys_of(tls)) {
    if (each.identity != identity || each.key.size() > key_max) continue;
    std::memcpy(key, each.key.data(), each.key.size());
    return static_cast<unsigned>(each.key.size());
  }
  return 0;
}

// How soon a wait sees that it is cancelled.
constexpr std::chrono::milliseconds look_interval{50};

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Result<Address> address_of(const std::string& text, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(text.c_str(), std::to_string(port).c_str(), &hints, &found) != 0 || found == nullptr) {
    return Error{ErrorCode::configuration, fmt::format("{} is not an address", text)};
  }
  Address address;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.size = found->ai_addrlen;
  ::freeaddrinfo(found);
  return address;
}

Error failure(const std::string& what, int code) {
  return Error{ErrorCode::unreachable, fmt::format("{}: {}", what, std::strerror(code))};
}

int error_after(int socket, Duration limit, const std::atomic<bool>* is_cancelled) {
  if (!wait_for_socket(socket, POLLOUT, limit, is_cancelled)) return ETIMEDOUT;
  int code = 0;
  socklen_t size = sizeof code;
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size);
  return code;
}

}  // namespace

SSL_CTX* make_psk_context(const std::vector<SharedKey>& keys) {
  SSL_CTX* context = SSL_CTX_new(TLS_method());
  CLUSTERAGENT_ASSERT(context != nullptr && !keys.empty());
  CLUSTERAGENT_ASSERT(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1);
  CLUSTERAGENT_ASSERT(SSL_CTX_set_ciphersuites(context, cipher_suite) == 1);
  SSL_CTX_set_app_data(context, const_cast<std::vector<SharedKey>*>(&keys));
  SSL_CTX_set_psk_client_callback(context, give_key);
  SSL_CTX_set_psk_server_callback(context, find_key);
  // Tickets would let a later connection come in by an older key.
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

bool wait_for_socket(int socket, short events, Duration limit, const std::atomic<bool>* is_cancelled) {
  const Instant until = platform::boottime_now() + limit;
  for (;;) {
    const Duration left = until - platform::boottime_now();
    if (left <= Duration::zero() || (is_cancelled != nullptr && *is_cancelled)) return false;
    pollfd one{socket, events, 0};
    if (::poll(&one, 1, static_cast<int>(to_milliseconds(std::min<Duration>(left, look_interval))) + 1) > 0)
      return true;
  }
}

void prepare_socket(int socket) {
  ::fcntl(socket, F_SETFL, O_NONBLOCK);
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Result<platform::Fd> connect_socket(const std::string& from, const std::string& to, std::uint16_t port, Duration limit,
                                    const std::atomic<bool>* is_cancelled) {
  const auto peer = address_of(to, port);
  if (!peer) return peer.error();
  const auto own = address_of(from, 0);
  if (!own) return own.error();
  platform::Fd socket{::socket(peer->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (!socket) return failure("cannot make a socket", errno);
  prepare_socket(socket.number());
  if (::bind(socket.number(), own->get(), own->size) != 0) return failure("cannot use the address " + from, errno);
  int code = ::connect(socket.number(), peer->get(), peer->size) == 0 ? 0 : errno;
  if (code == EINPROGRESS) code = error_after(socket.number(), limit, is_cancelled);
  if (code != 0) return failure(fmt::format("cannot connect to {} port {}", to, port), code);
  return socket;
}

Result<platform::Fd> listen_socket(const std::string& address, std::uint16_t port) {
  const auto own = address_of(address, port);
  if (!own) return own.error();
  platform::Fd socket{::socket(own->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!socket) return failure("cannot make a socket", errno);
  const int on = 1;
  ::setsockopt(socket.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // The address of a network that is down now comes back with it.
  ::setsockopt(socket.number(), IPPROTO_IP, IP_FREEBIND, &on, sizeof on);
  if (::bind(socket.number(), own->get(), own->size) != 0 || ::listen(socket.number(), 4) != 0) {
    return failure(fmt::format("cannot listen on {} port {}", address, port), errno);
  }
  return socket;
}

}  // namespace clusteragent::filesync
