#pragma once
// Adding and removing a virtual address by rtnetlink. Stateless; the calls may wait for the kernel's rtnl lock, so they
// belong on a worker thread. Results are errno values, 0: success.
#include "agent/platform/linux/netlink.hpp"
#include "agent/vip/interface_table.hpp"

namespace clusteragent::vip {

/// Adds the address, or refreshes its lifetime where it is there. The kernel removes it after `lifetime` (whole
/// seconds). An address in a network that the link already has an address of becomes a secondary one (IPv4) or a
/// deprecated one (IPv6), so outgoing traffic keeps the machine's own address.
int put_address(platform::NetlinkSocket& route, const Place& place, const IpAddress& address,
                std::chrono::seconds lifetime);

/// ENODEV and EADDRNOTAVAIL: it was not there.
int remove_address(platform::NetlinkSocket& route, const AddressEntry& entry);
constexpr bool was_absent(int code) {
  return code == ENODEV || code == EADDRNOTAVAIL;
}

/// The request that remove_address sends, for whoever has to send it when this process no longer can.
platform::KernelMessage removal_message(const AddressEntry& entry);

/// Feeds every link and address of the network namespace to `table`, which is emptied first.
int read_tables(platform::NetlinkSocket& route, InterfaceTable& table);

}  // namespace clusteragent::vip
