#include "agent/vip/interface_table.hpp"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>

#include <algorithm>
#include <cstring>

#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000  // <linux/if.h>, which cannot be included beside <net/if.h>
#endif

namespace clusteragent::vip {
namespace {

/// Attributes of one message by type; those beyond N are of no interest here.
template <std::size_t N>
std::array<const nlattr*, N> attributes_of(const nlmsghdr& message, std::size_t header_bytes) {
  std::array<const nlattr*, N> found{};
  const auto* attribute = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(&message, header_bytes));
  const char* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(&message));
  while (mnl_attr_ok(attribute, static_cast<int>(end - reinterpret_cast<const char*>(attribute)))) {
    const std::uint16_t type = mnl_attr_get_type(attribute);
    if (type < N) found.at(type) = attribute;
    attribute = mnl_attr_next(attribute);
  }
  return found;
}

std::optional<IpAddress> address_in(const nlattr* attribute, int family) {
  if (attribute == nullptr) return std::nullopt;
  const std::size_t size = mnl_attr_get_payload_len(attribute);
  if (family == AF_INET && size == sizeof(boost::asio::ip::address_v4::bytes_type)) {
    boost::asio::ip::address_v4::bytes_type bytes;
    std::memcpy(bytes.data(), mnl_attr_get_payload(attribute), bytes.size());
    return boost::asio::ip::address_v4{bytes};
  }
  if (family == AF_INET6 && size == sizeof(boost::asio::ip::address_v6::bytes_type)) {
    boost::asio::ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), mnl_attr_get_payload(attribute), bytes.size());
    return boost::asio::ip::address_v6{bytes};
  }
  return std::nullopt;
}

template <typename Bytes>
bool same_bits(const Bytes& a, const Bytes& b, unsigned bits) {
  const unsigned whole = std::min<unsigned>(bits / 8, static_cast<unsigned>(a.size()));
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  const unsigned rest = bits % 8;
  if (rest == 0 || whole == a.size()) return true;
  const unsigned mask = (0xff00U >> rest) & 0xffU;
  return ((static_cast<unsigned>(a[whole]) ^ b[whole]) & mask) == 0;
}

}  // namespace

bool same_network(const IpAddress& a, const IpAddress& b, std::uint8_t prefix) {
  if (a.is_v4() != b.is_v4()) return false;
  return a.is_v4() ? same_bits(a.to_v4().to_bytes(), b.to_v4().to_bytes(), prefix)
                   : same_bits(a.to_v6().to_bytes(), b.to_v6().to_bytes(), prefix);
}

void InterfaceTable::apply(const nlmsghdr& message) {
  switch (message.nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      apply_link(message);
      break;
    case RTM_NEWADDR:
    case RTM_DELADDR:
      apply_address(message);
      break;
    default:
      break;
  }
}

void InterfaceTable::apply_link(const nlmsghdr& message) {
  if (message.nlmsg_len < mnl_nlmsg_size(sizeof(ifinfomsg))) return;
  const auto* info = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&message));
  // A bridge reports its ports once more under its own family, removals included: that is not the link going away.
  if (info->ifi_family != AF_UNSPEC) return;
  const auto index = static_cast<unsigned>(info->ifi_index);
  if (message.nlmsg_type == RTM_DELLINK) {
    links_.erase(index);
    std::erase_if(addresses_, [index](const AddressEntry& entry) { return entry.link == index; });
    return;
  }
  const auto attributes = attributes_of<IFLA_MTU>(message, sizeof(ifinfomsg));
  Link& link = links_[index];
  link.index = index;
  if (attributes[IFLA_IFNAME] != nullptr) link.name = mnl_attr_get_str(attributes[IFLA_IFNAME]);
  link.is_loopback = (info->ifi_flags & IFF_LOOPBACK) != 0;
  link.is_up = (info->ifi_flags & IFF_UP) != 0;
  link.has_link = link.is_up && (info->ifi_flags & IFF_RUNNING) != 0 && (info->ifi_flags & IFF_LOWER_UP) != 0;
  const nlattr* mac = attributes[IFLA_ADDRESS];
  if (info->ifi_type == ARPHRD_ETHER && mac != nullptr && mnl_attr_get_payload_len(mac) == sizeof(Mac)) {
    Mac bytes;
    std::memcpy(bytes.data(), mnl_attr_get_payload(mac), bytes.size());
    link.mac = bytes;
  }
}

void InterfaceTable::apply_address(const nlmsghdr& message) {
  if (message.nlmsg_len < mnl_nlmsg_size(sizeof(ifaddrmsg))) return;
  const auto* info = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(&message));
  const auto attributes = attributes_of<IFA_LOCAL + 1>(message, sizeof(ifaddrmsg));
  auto address = address_in(attributes[IFA_LOCAL], info->ifa_family);
  if (!address) address = address_in(attributes[IFA_ADDRESS], info->ifa_family);  // IPv6 has no IFA_LOCAL
  if (!address) return;
  const AddressEntry entry{info->ifa_index, *address, info->ifa_prefixlen};
  std::erase(addresses_, entry);
  if (message.nlmsg_type == RTM_NEWADDR) addresses_.push_back(entry);
}

void InterfaceTable::remember(const AddressEntry& entry) {
  std::erase(addresses_, entry);
  addresses_.push_back(entry);
}

void InterfaceTable::clear() {
  links_.clear();
  addresses_.clear();
}

const Link* InterfaceTable::find(const std::string& name) const {
  const auto found =
      std::find_if(links_.begin(), links_.end(), [&name](const auto& entry) { return entry.second.name == name; });
  return found == links_.end() ? nullptr : &found->second;
}

const Link* InterfaceTable::find(unsigned index) const {
  const auto found = links_.find(index);
  return found == links_.end() ? nullptr : &found->second;
}

bool InterfaceTable::is_own(const Mac& mac) const {
  return std::any_of(links_.begin(), links_.end(), [&mac](const auto& entry) { return entry.second.mac == mac; });
}

std::vector<AddressEntry> InterfaceTable::entries_of(const IpAddress& address) const {
  std::vector<AddressEntry> found;
  std::copy_if(addresses_.begin(), addresses_.end(), std::back_inserter(found),
               [&address](const AddressEntry& entry) { return entry.address == address; });
  return found;
}

bool InterfaceTable::holds(unsigned link, const IpAddress& address) const {
  return std::any_of(addresses_.begin(), addresses_.end(),
                     [&](const AddressEntry& entry) { return entry.link == link && entry.address == address; });
}

std::optional<Place> InterfaceTable::locate(const IpAddress& address, const std::string& interface,
                                            std::optional<std::uint8_t> prefix) const {
  const Link* named = interface.empty() ? nullptr : find(interface);
  if (!interface.empty() && named == nullptr) return std::nullopt;
  const AddressEntry* best = nullptr;
  for (const AddressEntry& entry : addresses_) {
    const Link* link = find(entry.link);
    if (link == nullptr || entry.address == address || !same_network(entry.address, address, entry.prefix)) continue;
    if (named != nullptr ? link != named : link->is_loopback) continue;
    if (best == nullptr || entry.prefix > best->prefix) best = &entry;
  }
  if (best != nullptr) return Place{best->link, prefix.value_or(best->prefix), true};
  if (named == nullptr) return std::nullopt;
  const std::uint8_t host_prefix = address.is_v4() ? 32 : 128;
  return Place{named->index, prefix.value_or(host_prefix), false};
}

}  // namespace clusteragent::vip
