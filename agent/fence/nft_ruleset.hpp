#pragma once
// The nftables rules that mute the virtual addresses unless a permit element lives, as ready-made nfnetlink batches.
// Pure functions over values; built with libnftnl, sent by whoever has a socket.
//
// Tables `inet clusteragent_<module>` and (for IPv4) `arp clusteragent_<module>`. Sets virtual4/6 hold the addresses
// for ever, permit4/6 hold them for the time of the permit. Without the element:
//   in:  traffic to an address that is local here is dropped, before any address translation; so are ARP requests and
//        neighbour solicitations for it. Traffic that is only forwarded to the other node passes, and so do the other
//        node's announcements: this node is its client like any other.
//   out: whatever has the address as its source, ARP and neighbour advertisements included, is dropped; but for a RST
//        of TCP, by which clients learn that a connection is over.
// Frames sent through a packet socket do not pass these chains: agent/vip asks for the permit itself.
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "agent/platform/asio.hpp"

namespace clusteragent::fence {

using Addresses = std::vector<boost::asio::ip::address>;
using Batch = std::vector<std::byte>;

/// "clusteragent_<module>"; what nftables does not allow in a name becomes an underscore.
std::string table_name(const std::string& module);

/// Makes the tables anew in one transaction: there is no moment without rules. Zero: without any permit.
Batch creation_batch(const std::string& table, const Addresses& addresses, std::chrono::milliseconds permit = {});
/// Replaces the permit elements. Deleting and adding in one transaction, because adding an element that is there does
/// not refresh its time. Zero: only deletes.
Batch permit_batch(const std::string& table, const Addresses& addresses, std::chrono::milliseconds timeout);
/// Removes the tables.
Batch removal_batch(const std::string& table, const Addresses& addresses);

}  // namespace clusteragent::fence
