#pragma once
// The Ethernet frames that move an address to this machine, and the reading of those by which others claim it.
// RFC 826 (ARP), RFC 5227 §2.1.1 and §3 (probe, announcement), RFC 4861 §4.3, §4.4, §7.2.6 (neighbour discovery).
// Pure functions over values: no I/O, any thread.
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/platform/asio.hpp"

namespace clusteragent::vip {

using Mac = std::array<std::uint8_t, 6>;
using Frame = std::vector<std::uint8_t>;
using IpAddress = boost::asio::ip::address;

/// "02:00:5e:10:00:01"
std::string to_text(const Mac& mac);

/// 4 or 16 octets, as on the wire.
std::vector<std::uint8_t> octets_of(const IpAddress& address);

/// ARP request and reply in which `address` names `own` as its owner, to everybody. Both, because some systems renew
/// their cache on one of them only.
Frame gratuitous_request(const Mac& own, const boost::asio::ip::address_v4& address);
Frame gratuitous_reply(const Mac& own, const boost::asio::ip::address_v4& address);
/// Neighbour advertisement to all nodes with the override flag. `is_router`: this machine forwards IPv6; saying no
/// would make hosts drop it from their router lists.
Frame unsolicited_advertisement(const Mac& own, const boost::asio::ip::address_v6& address, bool is_router);

/// "Who has this address?", asked without claiming any: ARP probe or duplicate address detection solicitation.
Frame ownership_probe(const Mac& own, const IpAddress& address);

/// The same question with a trailer behind it, where the packet's own length has ended: kernels ignore it. IPv6 goes to
/// all nodes of the link, because a machine without the address has not joined its solicited-node group.
Frame spoken_probe(const Mac& own, const IpAddress& address, std::span<const std::uint8_t> trailer);

struct SpokenProbe {
  IpAddress address;
  std::span<const std::uint8_t> trailer;  // of the frame that was parsed
};
/// What follows an ownership probe; nullopt for every other frame, damaged ones included.
std::optional<SpokenProbe> parse_spoken_probe(std::span<const std::uint8_t> frame);

struct Claim {
  IpAddress address;
  Mac mac{};
};
/// The address that the sender of this frame says it owns; nullopt for everything else, damaged frames included.
std::optional<Claim> parse_claim(std::span<const std::uint8_t> frame);

}  // namespace clusteragent::vip
