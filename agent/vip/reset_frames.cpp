#include "agent/vip/reset_frames.hpp"

#include <net/ethernet.h>
#include <netinet/in.h>

#include <algorithm>

namespace clusteragent::vip {
namespace {

using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;
using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t ethernet_bytes = 14;
constexpr std::size_t ipv4_bytes = 20;
constexpr std::size_t ipv6_bytes = 40;
constexpr std::size_t tcp_bytes = 20;
constexpr std::uint8_t fin = 0x01;
constexpr std::uint8_t syn = 0x02;
constexpr std::uint8_t rst = 0x04;
constexpr std::uint8_t ack = 0x10;
constexpr std::uint8_t hop_limit = 64;

struct Segment {
  IpAddress from;
  IpAddress to;
  Bytes header;  // of TCP, without its options
  std::uint32_t length = 0;

  std::uint8_t flags() const { return header[13]; }
};

struct Answer {
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;
  std::uint8_t flags = rst;
};

std::uint16_t u16_at(Bytes bytes, std::size_t at) {
  return static_cast<std::uint16_t>((bytes[at] << 8) | bytes[at + 1]);
}

std::uint32_t u32_at(Bytes bytes, std::size_t at) {
  return (std::uint32_t{u16_at(bytes, at)} << 16) | u16_at(bytes, at + 2);
}

void put_u16(Frame& out, std::uint16_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value & 0xff));
}

void put_u32(Frame& out, std::uint32_t value) {
  put_u16(out, static_cast<std::uint16_t>(value >> 16));
  put_u16(out, static_cast<std::uint16_t>(value & 0xffff));
}

void put(Frame& out, Bytes bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

template <std::size_t Size>
std::array<std::uint8_t, Size> array_at(Bytes bytes, std::size_t at) {
  std::array<std::uint8_t, Size> out{};
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), Size, out.begin());
  return out;
}

std::uint16_t checksum(std::uint32_t sum, Bytes bytes) {
  for (std::size_t at = 0; at + 1 < bytes.size(); at += 2) sum += u16_at(bytes, at);
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum & 0xffff);
}

void set_u16(Frame& frame, std::size_t at, std::uint16_t value) {
  frame[at] = static_cast<std::uint8_t>(value >> 8);
  frame[at + 1] = static_cast<std::uint8_t>(value & 0xff);
}

/// `bytes`: of TCP's header, options and data, as the network header says; as many as were captured are in `tcp`.
std::optional<Segment> parse_tcp(Segment segment, Bytes tcp, std::size_t bytes) {
  if (bytes < tcp_bytes || tcp.size() < tcp_bytes) return std::nullopt;
  segment.header = tcp.first(tcp_bytes);
  const std::size_t header_bytes = std::size_t{4} * (segment.header[12] >> 4);
  if (header_bytes < tcp_bytes || header_bytes > bytes) return std::nullopt;
  const std::uint8_t flags = segment.flags();
  // RFC 9293 §3.4: SYN and FIN count in the sequence as data does.
  segment.length =
      static_cast<std::uint32_t>(bytes - header_bytes) + ((flags & syn) != 0 ? 1 : 0) + ((flags & fin) != 0 ? 1 : 0);
  return segment;
}

std::optional<Segment> parse_ipv4(Bytes packet) {
  if (packet.size() < ipv4_bytes || packet[0] >> 4 != 4 || packet[9] != IPPROTO_TCP) return std::nullopt;
  constexpr std::uint16_t more_or_offset = 0x3fff;
  if ((u16_at(packet, 6) & more_or_offset) != 0) return std::nullopt;  // a fragment has not all that is asked for
  const std::size_t header_bytes = std::size_t{4} * (packet[0] & 0x0f);
  const std::size_t total = u16_at(packet, 2);
  if (header_bytes < ipv4_bytes || total < header_bytes || packet.size() < header_bytes) return std::nullopt;
  const address_v4 from{array_at<4>(packet, 12)};
  if (from.is_unspecified() || from.is_loopback() || from.is_multicast() || from == address_v4::broadcast()) {
    return std::nullopt;
  }
  Segment segment{from, address_v4{array_at<4>(packet, 16)}, {}, 0};
  return parse_tcp(std::move(segment), packet.subspan(header_bytes), total - header_bytes);
}

std::optional<Segment> parse_ipv6(Bytes packet) {
  if (packet.size() < ipv6_bytes || packet[0] >> 4 != 6 || packet[6] != IPPROTO_TCP) return std::nullopt;
  const address_v6 from{array_at<16>(packet, 8)};
  if (from.is_unspecified() || from.is_loopback() || from.is_multicast()) return std::nullopt;
  Segment segment{from, address_v6{array_at<16>(packet, 24)}, {}, 0};
  return parse_tcp(std::move(segment), packet.subspan(ipv6_bytes), u16_at(packet, 4));
}

std::optional<Segment> parse(Bytes frame) {
  if (frame.size() < ethernet_bytes) return std::nullopt;
  const Bytes packet = frame.subspan(ethernet_bytes);
  switch (u16_at(frame, 12)) {
    case ETHERTYPE_IP:
      return parse_ipv4(packet);
    case ETHERTYPE_IPV6:
      return parse_ipv6(packet);
    default:
      return std::nullopt;
  }
}

Answer answer_to(const Segment& segment) {
  constexpr std::size_t sequence_offset = 4;
  constexpr std::size_t acknowledgement_offset = 8;
  if ((segment.flags() & ack) != 0) return {u32_at(segment.header, acknowledgement_offset), 0, rst};
  return {0, u32_at(segment.header, sequence_offset) + segment.length, rst | ack};
}

Frame tcp_header(const Segment& segment, const Answer& answer) {
  Frame out;
  put(out, segment.header.subspan(2, 2));
  put(out, segment.header.subspan(0, 2));
  put_u32(out, answer.sequence);
  put_u32(out, answer.acknowledgement);
  out.push_back((tcp_bytes / 4) << 4);
  out.push_back(answer.flags);
  put_u16(out, 0);  // window
  put_u16(out, 0);  // checksum, set below
  put_u16(out, 0);  // urgent pointer
  // RFC 9293 §3.1: over both addresses, the protocol and the length as well.
  Frame pseudo = octets_of(segment.to);
  put(pseudo, octets_of(segment.from));
  put(pseudo, out);
  constexpr std::size_t checksum_offset = 16;
  set_u16(out, checksum_offset, checksum(IPPROTO_TCP + tcp_bytes, pseudo));
  return out;
}

Frame network_header(const Segment& segment) {
  Frame out;
  if (segment.to.is_v4()) {
    put_u16(out, 0x4500);
    put_u16(out, ipv4_bytes + tcp_bytes);
    put_u32(out, 0x00004000);  // never to be fragmented, so without an identification
    put_u16(out, static_cast<std::uint16_t>(hop_limit << 8 | IPPROTO_TCP));
    put_u16(out, 0);  // checksum, set below
  } else {
    put_u32(out, 0x60000000);
    put_u16(out, tcp_bytes);
    put_u16(out, static_cast<std::uint16_t>(IPPROTO_TCP << 8 | hop_limit));
  }
  put(out, octets_of(segment.to));
  put(out, octets_of(segment.from));
  constexpr std::size_t checksum_offset = 10;
  if (segment.to.is_v4()) set_u16(out, checksum_offset, checksum(0, out));
  return out;
}

}  // namespace

std::optional<Frame> reset_answer(std::span<const std::uint8_t> frame, std::span<const IpAddress> given_up) {
  const auto segment = parse(frame);
  if (!segment || (segment->flags() & rst) != 0) return std::nullopt;
  const auto is_given_up = [given_up](const IpAddress& address) {
    return std::find(given_up.begin(), given_up.end(), address) != given_up.end();
  };
  // A segment of an address to itself, which nobody sends in good faith, would be answered to this very machine.
  if (!is_given_up(segment->to) || is_given_up(segment->from)) return std::nullopt;
  const Bytes to_mac = frame.subspan(0, 6);
  const Bytes from_mac = frame.subspan(6, 6);
  const bool is_group = ((to_mac[0] | from_mac[0]) & 1) != 0;  // IEEE 802: not one machine's
  if (is_group) return std::nullopt;
  Frame out;
  put(out, from_mac);
  put(out, to_mac);
  put(out, frame.subspan(12, 2));
  put(out, network_header(*segment));
  put(out, tcp_header(*segment, answer_to(*segment)));
  return out;
}

}  // namespace clusteragent::vip
