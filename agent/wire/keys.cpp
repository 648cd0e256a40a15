#include "agent/wire/keys.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>

#include "agent/base/assert.hpp"

namespace clusteragent::wire {
namespace {

std::string_view label_of(Purpose purpose) {
  switch (purpose) {
    case Purpose::heartbeat:
      return "clusteragent heartbeat v1";
    case Purpose::guard_release:
      return "clusteragent guard release v1";
    case Purpose::report:
      return "clusteragent report v1";
  }
  CLUSTERAGENT_ASSERT(false);
}

std::array<std::uint8_t, 32> hmac(std::span<const std::uint8_t> key, std::span<const std::uint8_t> message) {
  std::array<std::uint8_t, 32> digest{};
  unsigned int length = 0;
  const auto* done = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), message.data(), message.size(),
                          digest.data(), &length);
  CLUSTERAGENT_ASSERT(done != nullptr && length == digest.size());
  return digest;
}

int digit_of(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
  return -1;
}

}  // namespace

Result<Key> parse_key(std::string_view text, std::string_view path) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  Key key{};
  const Error wrong{ErrorCode::configuration,
                    fmt::format("{}: not a cluster key: 64 hexadecimal digits are expected; make one with "
                                "`clusteragent keygen` and copy it to the other node",
                                path)};
  if (text.size() != key.size() * 2) return wrong;
  for (std::size_t at = 0; at < key.size(); ++at) {
    const int high = digit_of(text[2 * at]);
    const int low = digit_of(text[2 * at + 1]);
    if (high < 0 || low < 0) return wrong;
    key[at] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return key;
}

std::string format_key(const Key& key) {
  std::string text;
  for (const std::uint8_t byte : key) text += fmt::format("{:02x}", byte);
  return text + "\n";
}

Key generate_key() {
  Key key{};
  CLUSTERAGENT_ASSERT(RAND_bytes(key.data(), static_cast<int>(key.size())) == 1);
  return key;
}

// One block of output needs one round of HKDF-Expand: HMAC(PRK, info || 0x01).
Key derive_key(const Key& cluster_key, Purpose purpose, std::string_view module) {
  const Key salt{};
  const auto extracted = hmac(salt, cluster_key);
  std::string info{label_of(purpose)};
  info += '\0';
  info += module;
  info += '\1';
  return hmac(extracted, {reinterpret_cast<const std::uint8_t*>(info.data()), info.size()});
}

Mac authenticate(const Key& key, std::span<const std::uint8_t> message) {
  const auto whole = hmac(key, message);
  Mac mac{};
  std::copy_n(whole.begin(), mac.size(), mac.begin());
  return mac;
}

bool is_authentic(const Key& key, std::span<const std::uint8_t> message, std::span<const std::uint8_t> mac) {
  if (mac.size() != mac_bytes) return false;
  const Mac expected = authenticate(key, message);
  return CRYPTO_memcmp(expected.data(), mac.data(), expected.size()) == 0;
}

}  // namespace clusteragent::wire
