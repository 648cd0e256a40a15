#pragma once
// Datagrams between a data node and the witness: a question, its answer, and "prove yourself" to an asker that has not
// shown that it lives now. docs/witness.md is the written format. Big-endian; HMAC in the last 16 bytes. One key a
// cluster: the witness knows modules by their hash only. No answer is longer than the question, so that a forged
// sender address gains nothing. Pure; values; any thread.
#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "agent/core/voter.hpp"
#include "agent/wire/frame.hpp"
#include "agent/wire/key_ring.hpp"

namespace clusteragent::wire {

constexpr std::uint8_t witness_version = 1;
constexpr std::size_t witness_frame_bytes_max = 91;
/// The longest promise that can be asked for: with more, one mistaken question would silence a rebooted witness for
/// days, and the sum with a time could overflow.
constexpr Duration witness_lease_max = std::chrono::hours{1};
/// A promise that was carried over a restart may say one lease more than was given (witness/promise_file.hpp).
constexpr Duration witness_retry_max = 2 * witness_lease_max;

enum class WitnessFrameType : std::uint8_t { request = 1, answer = 2, prove = 3 };

/// A witness that serves many clusters finds it by key_id().
Key witness_key(const Key& cluster_key);

struct WitnessHeader {
  std::uint64_t key_id = 0;
  std::uint64_t module_hash = 0;
  NodeId node{};                // of the asker
  Incarnation incarnation{};    // of the asker; an answer echoes it
  std::uint64_t ask = 0;        // grows within an incarnation; an answer echoes it
  std::uint64_t challenge = 0;  // request: the witness's as last seen, 0 for none; answer, prove: the one to repeat
  friend bool operator==(const WitnessHeader&, const WitnessHeader&) = default;
};

/// The witness will decide nothing for this asker until a question carries the challenge of the header.
struct ProveYourself {
  friend bool operator==(ProveYourself, ProveYourself) = default;
};
using WitnessBody = std::variant<core::WitnessRequest, core::WitnessAnswer, ProveYourself>;

struct WitnessFrame {
  WitnessHeader header;
  WitnessBody body;
};

enum class WitnessFlaw : std::uint8_t { malformed, foreign_key, bad_mac, other_version };

/// `key` of witness_key(). A request's node is that of the header.
Bytes encode_witness(const WitnessHeader& header, const WitnessBody& body, const Key& key);
/// Unauthenticated: to look the key up. nullopt: no datagram of this protocol.
std::optional<std::uint64_t> key_id_of(std::span<const std::uint8_t> bytes);
std::variant<WitnessFrame, WitnessFlaw> decode_witness(std::span<const std::uint8_t> bytes, std::uint64_t key_id,
                                                       const Key& key);

}  // namespace clusteragent::wire
