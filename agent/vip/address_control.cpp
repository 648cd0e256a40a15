#include "agent/vip/address_control.hpp"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <array>

namespace clusteragent::vip {
namespace {

// Ours: header, ifaddrmsg and four small attributes; far below this.
constexpr std::size_t request_bytes = 256;
// Interrupted dumps are asked for again; a table that changes faster than that is read from the events that follow.
constexpr int dump_attempts_max = 5;

using Buffer = std::array<std::byte, request_bytes>;

nlmsghdr& begin(Buffer& buffer, std::uint16_t type, std::uint16_t flags) {
  nlmsghdr* header = mnl_nlmsg_put_header(buffer.data());
  header->nlmsg_type = type;
  header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  return *header;
}

std::span<const std::byte> bytes_of(const nlmsghdr& header) {
  return {reinterpret_cast<const std::byte*>(&header), header.nlmsg_len};
}

void put_bytes(nlmsghdr& header, std::uint16_t type, const IpAddress& address) {
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    mnl_attr_put(&header, type, bytes.size(), bytes.data());
  } else {
    const auto bytes = address.to_v6().to_bytes();
    mnl_attr_put(&header, type, bytes.size(), bytes.data());
  }
}

void put_target(nlmsghdr& header, const AddressEntry& entry) {
  auto* info = static_cast<ifaddrmsg*>(mnl_nlmsg_put_extra_header(&header, sizeof(ifaddrmsg)));
  info->ifa_family = entry.address.is_v4() ? AF_INET : AF_INET6;
  info->ifa_prefixlen = entry.prefix;
  info->ifa_scope = RT_SCOPE_UNIVERSE;
  info->ifa_index = entry.link;
  put_bytes(header, IFA_LOCAL, entry.address);
}

nlmsghdr& begin_removal(Buffer& buffer, const AddressEntry& entry) {
  nlmsghdr& header = begin(buffer, RTM_DELADDR, NLM_F_ACK);
  put_target(header, entry);
  return header;
}

int dump(platform::NetlinkSocket& route, InterfaceTable& table, std::uint16_t type) {
  int code = EINTR;
  for (int attempt = 0; attempt < dump_attempts_max && code == EINTR; ++attempt) {
    alignas(nlmsghdr) Buffer buffer{};
    nlmsghdr& header = begin(buffer, type, NLM_F_DUMP);
    mnl_nlmsg_put_extra_header(&header, type == RTM_GETLINK ? sizeof(ifinfomsg) : sizeof(ifaddrmsg));
    code = route.dump(header, [&table](const nlmsghdr& message) { table.apply(message); });
  }
  return code == EINTR ? 0 : code;
}

}  // namespace

int put_address(platform::NetlinkSocket& route, const Place& place, const IpAddress& address,
                std::chrono::seconds lifetime) {
  alignas(nlmsghdr) Buffer buffer{};
  nlmsghdr& header = begin(buffer, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK);
  put_target(header, {place.link, address, place.prefix});
  put_bytes(header, IFA_ADDRESS, address);
  ifa_cacheinfo life{};
  life.ifa_valid = static_cast<std::uint32_t>(lifetime.count());
  // IPv6 chooses source addresses by preference, IPv4 by the secondary flag, which the kernel sets by itself.
  life.ifa_prefered = address.is_v4() ? life.ifa_valid : 0;
  mnl_attr_put(&header, IFA_CACHEINFO, sizeof life, &life);
  if (address.is_v6()) {
    // Detection of duplicates takes a second in which nobody is served; the agents have settled who owns the address.
    std::uint32_t flags = IFA_F_NODAD;
    // The network's route is there already; a second one would carry the virtual address's lifetime.
    if (place.has_neighbours) flags |= IFA_F_NOPREFIXROUTE;
    mnl_attr_put_u32(&header, IFA_FLAGS, flags);
  }
  return route.transact(bytes_of(header));
}

int remove_address(platform::NetlinkSocket& route, const AddressEntry& entry) {
  alignas(nlmsghdr) Buffer buffer{};
  return route.transact(bytes_of(begin_removal(buffer, entry)));
}

platform::KernelMessage removal_message(const AddressEntry& entry) {
  alignas(nlmsghdr) Buffer buffer{};
  const auto bytes = bytes_of(begin_removal(buffer, entry));
  return {NETLINK_ROUTE, {bytes.begin(), bytes.end()}};
}

int read_tables(platform::NetlinkSocket& route, InterfaceTable& table) {
  table.clear();
  const int code = dump(route, table, RTM_GETLINK);
  return code != 0 ? code : dump(route, table, RTM_GETADDR);
}

}  // namespace clusteragent::vip
