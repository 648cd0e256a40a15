#include "agent/vip/frames.hpp"

#include <fmt/format.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

#include <algorithm>

namespace clusteragent::vip {
namespace {

using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;

constexpr Mac broadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
constexpr Mac unknown_mac{};
constexpr std::uint16_t arp_request = 1;
constexpr std::uint16_t arp_reply = 2;
constexpr std::size_t ethernet_bytes = 14;
constexpr std::size_t arp_bytes = 28;
constexpr std::size_t ipv6_bytes = 40;
constexpr std::size_t discovery_bytes = 24;  // type, code, checksum, flags, target
constexpr std::size_t option_bytes = 8;      // link-layer address option
constexpr std::uint8_t target_link_layer_option = 2;
constexpr std::uint8_t hop_limit_on_link = 255;  // RFC 4861 §7.1: anything less has passed a router

class Writer {
 public:
  void u8(std::uint8_t value) { frame_.push_back(value); }
  void u16(std::uint16_t value) {
    u8(static_cast<std::uint8_t>(value >> 8));
    u8(static_cast<std::uint8_t>(value & 0xff));
  }
  template <typename Bytes>
  void bytes(const Bytes& bytes) {
    frame_.insert(frame_.end(), bytes.begin(), bytes.end());
  }
  Frame& frame() { return frame_; }

 private:
  Frame frame_;
};

std::uint16_t u16_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint16_t>((bytes[at] << 8) | bytes[at + 1]);
}

template <std::size_t Size>
std::array<std::uint8_t, Size> array_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  std::array<std::uint8_t, Size> out{};
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), Size, out.begin());
  return out;
}

struct ArpFields {
  std::uint16_t operation = arp_request;
  Mac sender_mac{};
  address_v4 sender;
  Mac target_mac{};
  address_v4 target;
};

Frame arp_frame(const ArpFields& fields) {
  Writer out;
  out.bytes(broadcast);
  out.bytes(fields.sender_mac);
  out.u16(ETHERTYPE_ARP);
  out.u16(1);  // Ethernet
  out.u16(ETHERTYPE_IP);
  out.u8(6);
  out.u8(4);
  out.u16(fields.operation);
  out.bytes(fields.sender_mac);
  out.bytes(fields.sender.to_bytes());
  out.bytes(fields.target_mac);
  out.bytes(fields.target.to_bytes());
  return std::move(out.frame());
}

void add_sum(std::uint32_t& sum, std::span<const std::uint8_t> bytes) {
  for (std::size_t at = 0; at + 1 < bytes.size(); at += 2) sum += u16_at(bytes, at);
}

/// RFC 4443 §2.3: over the pseudo header (source, destination, length, next header) and the message.
std::uint16_t icmp6_checksum(const address_v6& from, const address_v6& to, std::span<const std::uint8_t> message) {
  std::uint32_t sum = static_cast<std::uint32_t>(message.size()) + IPPROTO_ICMPV6;
  add_sum(sum, from.to_bytes());
  add_sum(sum, to.to_bytes());
  add_sum(sum, message);
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum & 0xffff);
}

struct Discovery {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  address_v6 target;
  std::optional<Mac> target_mac;
};

Frame discovery_frame(const Mac& own, const address_v6& from, const address_v6& to, const Discovery& discovery) {
  Writer message;
  message.u8(discovery.type);
  message.u8(0);
  message.u16(0);  // checksum, set below
  message.u8(discovery.flags);
  message.bytes(std::array<std::uint8_t, 3>{});
  message.bytes(discovery.target.to_bytes());
  if (discovery.target_mac) {
    message.u8(target_link_layer_option);
    message.u8(1);  // in units of eight bytes
    message.bytes(*discovery.target_mac);
  }
  const std::uint16_t checksum = icmp6_checksum(from, to, message.frame());
  message.frame()[2] = static_cast<std::uint8_t>(checksum >> 8);
  message.frame()[3] = static_cast<std::uint8_t>(checksum & 0xff);

  Writer out;
  const auto group = to.to_bytes();
  out.bytes(Mac{0x33, 0x33, group[12], group[13], group[14], group[15]});  // RFC 2464 §7
  out.bytes(own);
  out.u16(ETHERTYPE_IPV6);
  out.bytes(std::array<std::uint8_t, 4>{0x60, 0, 0, 0});
  out.u16(static_cast<std::uint16_t>(message.frame().size()));
  out.u8(IPPROTO_ICMPV6);
  out.u8(hop_limit_on_link);
  out.bytes(from.to_bytes());
  out.bytes(group);
  out.bytes(message.frame());
  return std::move(out.frame());
}

address_v6 solicited_node_group(const address_v6& address) {
  auto bytes = boost::asio::ip::make_address_v6("ff02::1:ff00:0").to_bytes();
  const auto own = address.to_bytes();
  std::copy(own.begin() + 13, own.end(), bytes.begin() + 13);
  return address_v6{bytes};
}

bool is_arp(std::span<const std::uint8_t> arp) {
  return arp.size() >= arp_bytes && u16_at(arp, 0) == 1 && u16_at(arp, 2) == ETHERTYPE_IP && arp[4] == 6 && arp[5] == 4;
}

std::optional<SpokenProbe> parse_arp_probe(std::span<const std::uint8_t> arp) {
  if (!is_arp(arp) || u16_at(arp, 6) != arp_request) return std::nullopt;
  if (!address_v4{array_at<4>(arp, 14)}.is_unspecified()) return std::nullopt;
  return SpokenProbe{address_v4{array_at<4>(arp, 24)}, arp.subspan(arp_bytes)};
}

std::optional<SpokenProbe> parse_solicitation(std::span<const std::uint8_t> packet) {
  constexpr std::size_t length_offset = 4;
  constexpr std::size_t source_offset = 8;
  if (packet.size() < ipv6_bytes + discovery_bytes || packet[6] != IPPROTO_ICMPV6 || packet[7] != hop_limit_on_link ||
      packet[ipv6_bytes] != ND_NEIGHBOR_SOLICIT || u16_at(packet, length_offset) != discovery_bytes) {
    return std::nullopt;
  }
  if (!address_v6{array_at<16>(packet, source_offset)}.is_unspecified()) return std::nullopt;
  return SpokenProbe{address_v6{array_at<16>(packet, ipv6_bytes + 8)}, packet.subspan(ipv6_bytes + discovery_bytes)};
}

std::optional<Claim> parse_arp(std::span<const std::uint8_t> arp) {
  if (!is_arp(arp)) return std::nullopt;
  const address_v4 sender{array_at<4>(arp, 14)};
  if (sender.is_unspecified()) return std::nullopt;  // a probe claims nothing
  return Claim{sender, array_at<6>(arp, 8)};
}

std::optional<Claim> parse_advertisement(std::span<const std::uint8_t> packet, const Mac& source) {
  if (packet.size() < ipv6_bytes + discovery_bytes || packet[6] != IPPROTO_ICMPV6 || packet[7] != hop_limit_on_link ||
      packet[ipv6_bytes] != ND_NEIGHBOR_ADVERT) {
    return std::nullopt;
  }
  Claim claim{address_v6{array_at<16>(packet, ipv6_bytes + 8)}, source};
  const std::size_t option = ipv6_bytes + discovery_bytes;
  if (packet.size() >= option + option_bytes && packet[option] == target_link_layer_option && packet[option + 1] == 1) {
    claim.mac = array_at<6>(packet, option + 2);
  }
  return claim;
}

}  // namespace

std::string to_text(const Mac& mac) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

std::vector<std::uint8_t> octets_of(const IpAddress& address) {
  if (address.is_v4()) {
    const auto octets = address.to_v4().to_bytes();
    return {octets.begin(), octets.end()};
  }
  const auto octets = address.to_v6().to_bytes();
  return {octets.begin(), octets.end()};
}

Frame gratuitous_request(const Mac& own, const address_v4& address) {
  return arp_frame({arp_request, own, address, unknown_mac, address});
}

Frame gratuitous_reply(const Mac& own, const address_v4& address) {
  return arp_frame({arp_reply, own, address, own, address});
}

Frame unsolicited_advertisement(const Mac& own, const address_v6& address, bool is_router) {
  const std::uint8_t override_flag = 0x20;
  const std::uint8_t router_flag = is_router ? 0x80 : 0;
  const Discovery discovery{ND_NEIGHBOR_ADVERT, static_cast<std::uint8_t>(override_flag | router_flag), address, own};
  return discovery_frame(own, address, boost::asio::ip::make_address_v6("ff02::1"), discovery);
}

Frame ownership_probe(const Mac& own, const IpAddress& address) {
  if (address.is_v4()) return arp_frame({arp_request, own, address_v4{}, unknown_mac, address.to_v4()});
  const Discovery discovery{ND_NEIGHBOR_SOLICIT, 0, address.to_v6(), std::nullopt};
  return discovery_frame(own, address_v6{}, solicited_node_group(address.to_v6()), discovery);
}

Frame spoken_probe(const Mac& own, const IpAddress& address, std::span<const std::uint8_t> trailer) {
  constexpr Mac all_nodes{0x33, 0x33, 0, 0, 0, 1};
  Frame frame = ownership_probe(own, address);
  if (address.is_v6()) std::copy(all_nodes.begin(), all_nodes.end(), frame.begin());
  frame.insert(frame.end(), trailer.begin(), trailer.end());
  return frame;
}

std::optional<SpokenProbe> parse_spoken_probe(std::span<const std::uint8_t> frame) {
  if (frame.size() < ethernet_bytes) return std::nullopt;
  const auto payload = frame.subspan(ethernet_bytes);
  switch (u16_at(frame, 12)) {
    case ETHERTYPE_ARP:
      return parse_arp_probe(payload);
    case ETHERTYPE_IPV6:
      return parse_solicitation(payload);
    default:
      return std::nullopt;
  }
}

std::optional<Claim> parse_claim(std::span<const std::uint8_t> frame) {
  if (frame.size() < ethernet_bytes) return std::nullopt;
  const auto payload = frame.subspan(ethernet_bytes);
  switch (u16_at(frame, 12)) {
    case ETHERTYPE_ARP:
      return parse_arp(payload);
    case ETHERTYPE_IPV6:
      return parse_advertisement(payload, array_at<6>(frame, 6));
    default:
      return std::nullopt;
  }
}

}  // namespace clusteragent::vip
