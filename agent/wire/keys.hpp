#pragma once
// The cluster key and what is derived from it: one key a purpose and module (HKDF-SHA-256, RFC 5869), so that a frame
// of one purpose can never pass as one of another. Pure; OpenSSL's libcrypto does the arithmetic. Values; any thread.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "agent/base/result.hpp"

namespace clusteragent::wire {

using Key = std::array<std::uint8_t, 32>;
constexpr std::size_t mac_bytes = 16;  // HMAC-SHA-256 truncated, RFC 2104 §5
using Mac = std::array<std::uint8_t, mac_bytes>;

/// A key's text: 64 hexadecimal digits, or the 44 characters of base64 (RFC 4648 §4) that `openssl rand -base64 32`
/// writes; blanks and line ends around it do not count. `path` stands in the error.
Result<Key> parse_key(std::string_view text, std::string_view path);
/// Hexadecimal, with a line end.
std::string format_key(const Key& key);
/// 32 bytes of libcrypto's generator, which the system seeds.
Key generate_key();

/// SHA-256: for names that both nodes must number alike.
std::array<std::uint8_t, 32> digest(std::span<const std::uint8_t> message);

enum class Purpose : std::uint8_t { heartbeat, guard_release, report, witness, lan, replication };
Key derive_key(const Key& cluster_key, Purpose purpose, std::string_view module);

Mac authenticate(const Key& key, std::span<const std::uint8_t> message);
/// In constant time.
bool is_authentic(const Key& key, std::span<const std::uint8_t> message, std::span<const std::uint8_t> mac);

}  // namespace clusteragent::wire
