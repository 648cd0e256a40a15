#pragma once
// What the kernel says about links and addresses, kept current from rtnetlink messages, so that a take-over asks
// nothing. A value fed by its owner; no I/O, one thread at a time. Its size is the kernel's own.
#include <linux/netlink.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/vip/frames.hpp"

namespace clusteragent::vip {

struct Link {
  unsigned index = 0;
  std::string name;
  std::optional<Mac> mac;  // nullopt: no Ethernet, so nothing to announce on
  bool is_up = false;      // administratively
  bool has_link = false;   // and the carrier is there
  bool is_loopback = false;
};

struct AddressEntry {
  unsigned link = 0;
  IpAddress address;
  std::uint8_t prefix = 0;
  friend bool operator==(const AddressEntry&, const AddressEntry&) = default;
};

/// Where a virtual address belongs.
struct Place {
  unsigned link = 0;
  std::uint8_t prefix = 0;
  bool has_neighbours = false;  // the link has an address of the same network, so its route is there already
};

class InterfaceTable {
 public:
  /// Takes an RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR or RTM_DELADDR; anything else, damaged ones included, is ignored.
  void apply(const nlmsghdr& message);
  /// Notes an address that this process has just added: IPv6 is reported only after a delay.
  void remember(const AddressEntry& entry);
  void clear();

  const Link* find(const std::string& name) const;
  const Link* find(unsigned index) const;
  bool is_own(const Mac& mac) const;
  /// Every place where the address is configured now.
  std::vector<AddressEntry> entries_of(const IpAddress& address) const;
  bool holds(unsigned link, const IpAddress& address) const;

  /// `interface` empty: the one that has an address in the virtual address's network, longest prefix first. `prefix`
  /// nullopt: that network's own; on a named interface without one, the single host. nullopt: nowhere.
  std::optional<Place> locate(const IpAddress& address, const std::string& interface,
                              std::optional<std::uint8_t> prefix) const;

 private:
  void apply_link(const nlmsghdr& message);
  void apply_address(const nlmsghdr& message);

  std::map<unsigned, Link> links_;
  std::vector<AddressEntry> addresses_;
};

/// The first `prefix` bits are equal; false for different families.
bool same_network(const IpAddress& a, const IpAddress& b, std::uint8_t prefix);

}  // namespace clusteragent::vip
