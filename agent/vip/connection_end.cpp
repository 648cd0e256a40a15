#include "agent/vip/connection_end.hpp"

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>
#include <cstring>
#include <vector>

#include "agent/platform/clock.hpp"

namespace clusteragent::vip {
namespace {

// A header, inet_diag_req_v2 and a filter of one address.
constexpr std::size_t request_bytes = 256;
// The states in which the kernel owes the other end a RST when it ends a connection.
constexpr std::uint32_t states =
    1U << TCP_ESTABLISHED | 1U << TCP_FIN_WAIT1 | 1U << TCP_FIN_WAIT2 | 1U << TCP_CLOSE_WAIT;

using Buffer = std::array<std::byte, request_bytes>;

nlmsghdr& begin(Buffer& buffer, std::uint16_t type, std::uint16_t flags, const inet_diag_req_v2& request) {
  nlmsghdr* header = mnl_nlmsg_put_header(buffer.data());
  header->nlmsg_type = type;
  header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  std::memcpy(mnl_nlmsg_put_extra_header(header, sizeof request), &request, sizeof request);
  return *header;
}

/// The kernel's own filter language: the local address is this one, whatever the port; otherwise past the end.
void put_filter(nlmsghdr& header, const IpAddress& address) {
  const auto octets = octets_of(address);
  inet_diag_hostcond condition{};
  condition.family = address.is_v4() ? AF_INET : AF_INET6;
  condition.prefix_len = static_cast<std::uint8_t>(octets.size() * 8);
  condition.port = -1;
  const std::size_t bytes = sizeof(inet_diag_bc_op) + sizeof condition + octets.size();
  constexpr std::uint16_t past_the_end = 4;
  const inet_diag_bc_op operation{INET_DIAG_BC_S_COND, static_cast<std::uint8_t>(bytes),
                                  static_cast<std::uint16_t>(bytes + past_the_end)};
  std::array<std::byte, request_bytes> code{};
  std::memcpy(code.data(), &operation, sizeof operation);
  std::memcpy(code.data() + sizeof operation, &condition, sizeof condition);
  std::memcpy(code.data() + sizeof operation + sizeof condition, octets.data(), octets.size());
  mnl_attr_put(&header, INET_DIAG_REQ_BYTECODE, bytes, code.data());
}

inet_diag_req_v2 request_of(int family) {
  inet_diag_req_v2 request{};
  request.sdiag_family = static_cast<std::uint8_t>(family);
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = states;
  return request;
}

std::vector<inet_diag_req_v2> connections_of(platform::NetlinkSocket& diag, const IpAddress& address, int family) {
  alignas(nlmsghdr) Buffer buffer{};
  nlmsghdr& header = begin(buffer, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, request_of(family));
  put_filter(header, address);
  std::vector<inet_diag_req_v2> found;
  diag.dump(header, [&](const nlmsghdr& message) {
    if (message.nlmsg_type != SOCK_DIAG_BY_FAMILY || message.nlmsg_len < mnl_nlmsg_size(sizeof(inet_diag_msg))) return;
    inet_diag_msg one{};
    std::memcpy(&one, mnl_nlmsg_get_payload(&message), sizeof one);
    inet_diag_req_v2 which = request_of(one.idiag_family);
    which.id = one.id;
    found.push_back(which);
  });
  return found;
}

}  // namespace

std::size_t end_connections(platform::NetlinkSocket& diag, std::span<const IpAddress> addresses, Duration limit) {
  const Instant end = platform::boottime_now() + limit;
  std::size_t count = 0;
  for (const IpAddress& address : addresses) {
    // A server that listens on all addresses of both families has its IPv4 connections on IPv6 sockets.
    for (const int family : {AF_INET, AF_INET6}) {
      if (family == AF_INET && address.is_v6()) continue;
      for (const inet_diag_req_v2& which : connections_of(diag, address, family)) {
        if (platform::boottime_now() >= end) return count;
        alignas(nlmsghdr) Buffer buffer{};
        const nlmsghdr& header = begin(buffer, SOCK_DESTROY, NLM_F_ACK, which);
        const std::span bytes{reinterpret_cast<const std::byte*>(&header), header.nlmsg_len};
        if (diag.transact(bytes) == 0) ++count;
      }
    }
  }
  return count;
}

}  // namespace clusteragent::vip
