#include "agent/platform/linux/netlink.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <system_error>

namespace clusteragent::platform {
namespace {

// What the kernel hands out in one datagram at most (NLMSG_GOODSIZE is 8 KiB, dumps use up to 32 KiB).
constexpr std::size_t receive_bytes = 32768;
// A dump ends by itself; the bound only keeps a broken kernel answer from holding its thread for ever.
constexpr int dump_datagrams_max = 4096;
// Events that one drain hands on before other work of the thread gets its turn.
constexpr int drain_datagrams_max = 256;

int verdict_of(const nlmsghdr& message) {
  if (message.nlmsg_type != NLMSG_ERROR) return 0;
  if (message.nlmsg_len < mnl_nlmsg_size(sizeof(nlmsgerr))) return EBADMSG;
  return -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(&message))->error;
}

/// Walks the messages of one datagram; `visit` returns false to stop.
template <typename Visit>
void walk(std::span<const std::byte> datagram, Visit visit) {
  int left = static_cast<int>(datagram.size());
  const auto* message = reinterpret_cast<const nlmsghdr*>(datagram.data());
  while (mnl_nlmsg_ok(message, left)) {
    if (!visit(*message)) return;
    message = mnl_nlmsg_next(message, &left);
  }
}

}  // namespace

void NetlinkSocket::Close::operator()(mnl_socket* socket) const {
  mnl_socket_close(socket);
}

Result<NetlinkSocket> NetlinkSocket::open(int protocol) {
  mnl_socket* socket = mnl_socket_open2(protocol, SOCK_CLOEXEC);
  if (socket == nullptr) {
    return Error{ErrorCode::system,
                 fmt::format("cannot open a netlink socket of protocol {}: {}", protocol, errno_text(errno))};
  }
  NetlinkSocket owner{socket};
  if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) != 0) {
    return Error{ErrorCode::system,
                 fmt::format("cannot bind a netlink socket of protocol {}: {}", protocol, errno_text(errno))};
  }
  return owner;
}

int NetlinkSocket::transact(std::span<const std::byte> messages) {
  if (mnl_socket_sendto(socket_.get(), messages.data(), messages.size()) < 0) return errno;
  int first_refusal = 0;
  for (int datagram = 0; datagram < drain_datagrams_max; ++datagram) {
    alignas(nlmsghdr) std::array<std::byte, receive_bytes> buffer;
    // rtnetlink and nfnetlink work inside the sender's call: the answers are queued already.
    const ssize_t size = ::recv(descriptor(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno == EAGAIN ? first_refusal : errno;
    walk(std::span{buffer}.first(static_cast<std::size_t>(size)), [&](const nlmsghdr& message) {
      if (first_refusal == 0) first_refusal = verdict_of(message);
      return true;
    });
  }
  return first_refusal;
}

int NetlinkSocket::dump(const nlmsghdr& request, const NetlinkHandler& handler) {
  if (mnl_socket_sendto(socket_.get(), &request, request.nlmsg_len) < 0) return errno;
  bool is_inconsistent = false;
  for (int datagram = 0; datagram < dump_datagrams_max; ++datagram) {
    alignas(nlmsghdr) std::array<std::byte, receive_bytes> buffer;
    const ssize_t size = ::recv(descriptor(), buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno;
    bool is_over = false;
    int refusal = 0;
    walk(std::span{buffer}.first(static_cast<std::size_t>(size)), [&](const nlmsghdr& message) {
      if ((message.nlmsg_flags & NLM_F_DUMP_INTR) != 0) is_inconsistent = true;
      refusal = verdict_of(message);
      is_over = message.nlmsg_type == NLMSG_DONE || message.nlmsg_type == NLMSG_ERROR;
      if (!is_over) handler(message);
      return !is_over;
    });
    if (is_over) return refusal != 0 ? refusal : (is_inconsistent ? EINTR : 0);
  }
  return EBADMSG;
}

int NetlinkSocket::join(unsigned group) {
  return mnl_socket_setsockopt(socket_.get(), NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0 ? 0 : errno;
}

int NetlinkSocket::drain(const NetlinkHandler& handler) {
  for (int datagram = 0; datagram < drain_datagrams_max; ++datagram) {
    alignas(nlmsghdr) std::array<std::byte, receive_bytes> buffer;
    const ssize_t size = ::recv(descriptor(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno == EAGAIN ? 0 : errno;
    walk(std::span{buffer}.first(static_cast<std::size_t>(size)), [&](const nlmsghdr& message) {
      handler(message);
      return true;
    });
  }
  return EAGAIN;  // more is waiting
}

int NetlinkSocket::descriptor() const {
  return mnl_socket_get_fd(socket_.get());
}

std::string errno_text(int code) {
  return fmt::format("{} ({})", std::generic_category().message(code), code);
}

}  // namespace clusteragent::platform
