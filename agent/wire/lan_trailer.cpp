#include "agent/wire/lan_trailer.hpp"

#include <algorithm>

#include "agent/wire/octets.hpp"

namespace clusteragent::wire {
namespace {

constexpr std::size_t signed_bytes = lan_trailer_bytes - mac_bytes;
constexpr std::size_t address_bytes_max = 16;
constexpr std::uint8_t flag_asks = 1;
constexpr std::uint8_t flag_holds_vip = 2;
constexpr std::uint8_t flag_is_free = 4;

/// What the signature covers.
struct Message {
  Message(std::span<const std::uint8_t> word, std::span<const std::uint8_t> address) {
    Writer out{bytes};
    out.octets(word);
    out.octets(address);
    size = out.size();
  }
  std::span<const std::uint8_t> view() const { return std::span{bytes}.first(size); }

  std::array<std::uint8_t, signed_bytes + address_bytes_max> bytes{};
  std::size_t size = 0;
};

}  // namespace

LanTrailer encode_lan_word(const SignedWord& said, std::span<const std::uint8_t> address, const Key& key) {
  const core::LanWord& word = said.word;
  LanTrailer trailer{};
  Writer out{trailer};
  out.number(lan_magic);
  out.number(lan_version);
  out.number(said.node.value());
  out.number(static_cast<std::uint8_t>((word.asks ? flag_asks : 0U) | (word.holds_vip ? flag_holds_vip : 0U) |
                                       (word.is_free ? flag_is_free : 0U)));
  out.number(word.number);
  out.number(word.heard);
  out.number(word.epoch.value());
  out.octets(authenticate(key, Message{std::span{trailer}.first(signed_bytes), address}.view()));
  return trailer;
}

std::optional<SignedWord> decode_lan_word(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> address,
                                          const Key& key) {
  if (bytes.size() < lan_trailer_bytes || address.size() > address_bytes_max) return std::nullopt;
  Reader in{bytes.first(signed_bytes)};
  const auto magic = in.number<std::uint32_t>();
  const auto version = in.number<std::uint8_t>();
  const auto node = in.number<std::uint8_t>();
  const auto flags = in.number<std::uint8_t>();
  SignedWord said;
  said.node = NodeId{node};
  said.word.asks = (flags & flag_asks) != 0;
  said.word.holds_vip = (flags & flag_holds_vip) != 0;
  said.word.is_free = (flags & flag_is_free) != 0;
  said.word.number = in.number<std::uint64_t>();
  said.word.heard = in.number<std::uint64_t>();
  said.word.epoch = Epoch{in.number<std::uint64_t>()};
  // The cheap tests first: anybody may send what is to be tested.
  const bool is_known = magic == lan_magic && version == lan_version && node <= 1;
  const bool is_possible = flags <= (flag_asks | flag_holds_vip | flag_is_free) &&
                           !(said.word.holds_vip && said.word.is_free) &&
                           (said.word.holds_vip || said.word.epoch == Epoch{});
  if (!is_known || !is_possible) return std::nullopt;
  const Message message{bytes.first(signed_bytes), address};
  if (!is_authentic(key, message.view(), bytes.subspan(signed_bytes, mac_bytes))) return std::nullopt;
  return said;
}

}  // namespace clusteragent::wire
