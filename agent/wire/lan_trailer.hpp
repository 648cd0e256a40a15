#pragma once
// A LanWord as octets, signed, to stand behind an ARP or neighbour discovery packet whose own length ends before it.
// docs/wire-format.md is the written format. Big-endian; HMAC over everything before it and the virtual address that
// the packet asks for, so that a word about one address is none about another. Pure; values; any thread.
#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "agent/core/lan_word.hpp"
#include "agent/wire/keys.hpp"

namespace clusteragent::wire {

constexpr std::uint8_t lan_version = 1;
constexpr std::size_t lan_trailer_bytes = 47;
/// The first four octets, as a capture filter compares them.
constexpr std::uint32_t lan_magic = 0x434c414c;  // "CLAL"
using LanTrailer = std::array<std::uint8_t, lan_trailer_bytes>;

struct SignedWord {
  NodeId node{};  // who speaks
  core::LanWord word;
};

/// `key` of Purpose::lan; `address`: the 4 or 16 octets of the virtual address.
LanTrailer encode_lan_word(const SignedWord& said, std::span<const std::uint8_t> address, const Key& key);
/// Octets after the trailer do not count: a network may pad. nullopt: no word of this cluster and module.
std::optional<SignedWord> decode_lan_word(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> address,
                                          const Key& key);

}  // namespace clusteragent::wire
