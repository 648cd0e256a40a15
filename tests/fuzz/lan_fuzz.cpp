// Anything at all as a frame from the network of the virtual IP: the probe is taken apart, and what follows it is read
// as a word. The second run signs the word, because no mutation would ever find the signature; what is accepted then
// must have exactly one encoding.
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "agent/base/assert.hpp"
#include "agent/vip/frames.hpp"
#include "agent/wire/lan_trailer.hpp"

namespace {

using namespace clusteragent;

const wire::Key& key() {
  static const wire::Key derived = wire::derive_key(wire::Key{1}, wire::Purpose::lan, "fuzz");
  return derived;
}

void check(std::span<const std::uint8_t> trailer, const std::vector<std::uint8_t>& address) {
  const auto said = wire::decode_lan_word(trailer, address, key());
  if (!said) return;
  const wire::LanTrailer again = wire::encode_lan_word(*said, address, key());
  CLUSTERAGENT_ASSERT(std::equal(again.begin(), again.end(), trailer.begin()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static_cast<void>(vip::parse_claim({data, size}));
  const auto probe = vip::parse_spoken_probe({data, size});
  if (!probe) return 0;
  const auto address = vip::octets_of(probe->address);
  check(probe->trailer, address);
  if (probe->trailer.size() < wire::lan_trailer_bytes) return 0;
  const std::size_t signed_bytes = wire::lan_trailer_bytes - wire::mac_bytes;
  std::vector<std::uint8_t> message{probe->trailer.begin(), probe->trailer.begin() + static_cast<long>(signed_bytes)};
  std::vector<std::uint8_t> genuine = message;
  message.insert(message.end(), address.begin(), address.end());
  const wire::Mac mac = wire::authenticate(key(), message);
  genuine.insert(genuine.end(), mac.begin(), mac.end());
  check(genuine, address);
  return 0;
}
