// Anything at all as a datagram of the witness's protocol. What is accepted must have exactly one encoding, and be
// taken for new only with the right challenge. The second run puts the right key and signature on the bytes, because no
// mutation would ever find those.
#include <algorithm>
#include <cstdint>
#include <span>

#include "agent/base/assert.hpp"
#include "agent/wire/witness_gate.hpp"

namespace {

using namespace clusteragent;

constexpr std::size_t key_id_offset = 6;

const wire::Key& key() {
  static const wire::Key derived = wire::witness_key(wire::Key{1});
  return derived;
}

std::uint64_t key_id() {
  static const std::uint64_t id = wire::key_id(wire::Key{1});
  return id;
}

void check(std::span<const std::uint8_t> bytes) {
  const auto result = wire::decode_witness(bytes, key_id(), key());
  const auto* frame = std::get_if<wire::WitnessFrame>(&result);
  if (frame == nullptr) return;
  const wire::Bytes again = wire::encode_witness(frame->header, frame->body, key());
  CLUSTERAGENT_ASSERT(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
  wire::WitnessGate gate{frame->header.challenge + 1};
  CLUSTERAGENT_ASSERT(gate.judge(frame->header) == wire::Entry::unproven);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check({data, size});
  if (size < key_id_offset + sizeof(std::uint64_t) + wire::mac_bytes || size > wire::witness_frame_bytes_max) return 0;
  wire::Bytes genuine(data, data + size);
  for (std::size_t at = 0; at < 8; ++at) {
    genuine[key_id_offset + at] = static_cast<std::uint8_t>(key_id() >> (56 - 8 * at));
  }
  const std::size_t signed_bytes = size - wire::mac_bytes;
  const wire::Mac mac = wire::authenticate(key(), std::span{genuine}.first(signed_bytes));
  std::copy(mac.begin(), mac.end(), genuine.begin() + static_cast<std::ptrdiff_t>(signed_bytes));
  check(genuine);
  return 0;
}
