#include "agent/wire/keys.hpp"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <memory>

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
    case Purpose::witness:
      return "clusteragent witness v1";
    case Purpose::lan:
      return "clusteragent lan v1";
    case Purpose::replication:
      return "clusteragent replication v1";
  }
  CLUSTERAGENT_ASSERT(false);
}

struct FreeMac {
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

// Looking an algorithm up by name and preparing it for a key cost libcrypto more than the code of a frame does, and
// nearly every frame is made or checked with one of few keys: while the cluster key is being changed, those of up to
// three of them.
struct Authenticator {
  std::unique_ptr<EVP_MAC_CTX, FreeMac> context;
  Key key{};
  bool has_key = false;

  Authenticator() {
    EVP_MAC* algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    context.reset(EVP_MAC_CTX_new(algorithm));
    EVP_MAC_free(algorithm);
    char name[] = "SHA256";
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                                     OSSL_PARAM_construct_end()};
    CLUSTERAGENT_ASSERT(context && EVP_MAC_CTX_set_params(context.get(), parameters) == 1);
  }

  bool is_for(const Key& wanted) const { return has_key && key == wanted; }
  bool begin(const Key& wanted) {
    if (is_for(wanted)) return EVP_MAC_init(context.get(), nullptr, 0, nullptr) == 1;
    key = wanted;
    has_key = true;
    return EVP_MAC_init(context.get(), key.data(), key.size(), nullptr) == 1;
  }
};

class Authenticators {
 public:
  Authenticator& of(const Key& key) {
    for (Authenticator& one : prepared_) {
      if (one.is_for(key)) return one;
    }
    turn_ = (turn_ + 1) % prepared_.size();
    return prepared_[turn_];
  }

 private:
  std::array<Authenticator, 6> prepared_;  // three accepted keys, heartbeats and reports
  std::size_t turn_ = 0;
};

Key hmac(const Key& key, std::span<const std::uint8_t> message) {
  thread_local Authenticators authenticators;
  Authenticator& authenticator = authenticators.of(key);
  Key code{};
  std::size_t length = 0;
  CLUSTERAGENT_ASSERT(
      authenticator.begin(key) && EVP_MAC_update(authenticator.context.get(), message.data(), message.size()) == 1 &&
      EVP_MAC_final(authenticator.context.get(), code.data(), &length, code.size()) == 1 && length == code.size());
  return code;
}

constexpr std::size_t hexadecimal_digits = 2 * sizeof(Key);
constexpr std::size_t base64_characters = (sizeof(Key) + 2) / 3 * 4;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

int digit_of(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
  return -1;
}

std::optional<Key> from_hexadecimal(std::string_view text) {
  Key key{};
  for (std::size_t at = 0; at < key.size(); ++at) {
    const int high = digit_of(text[2 * at]);
    const int low = digit_of(text[2 * at + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    key[at] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return key;
}

std::optional<Key> from_base64(std::string_view text) {
  // 32 bytes end in exactly one sign of padding, which decodes to a zero byte of its own.
  if (text.back() != '=' || text.find('=') != text.size() - 1) return std::nullopt;
  std::array<unsigned char, base64_characters / 4 * 3> bytes{};
  const auto* from = reinterpret_cast<const unsigned char*>(text.data());
  const int length = EVP_DecodeBlock(bytes.data(), from, static_cast<int>(text.size()));
  if (length != static_cast<int>(bytes.size())) return std::nullopt;
  Key key{};
  std::copy_n(bytes.begin(), key.size(), key.begin());
  return key;
}

}  // namespace

Result<Key> parse_key(std::string_view text, std::string_view path) {
  text = trimmed(text);
  std::optional<Key> key;
  if (text.size() == hexadecimal_digits) key = from_hexadecimal(text);
  if (text.size() == base64_characters) key = from_base64(text);
  if (key) return *key;
  return Error{ErrorCode::configuration,
               fmt::format("{}: not a cluster key: 64 hexadecimal digits or 44 characters of base64 are expected; make "
                           "one with `clusteragent keygen` and copy it to the other node",
                           path)};
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

std::array<std::uint8_t, 32> digest(std::span<const std::uint8_t> message) {
  std::array<std::uint8_t, 32> result{};
  unsigned int length = 0;
  CLUSTERAGENT_ASSERT(EVP_Digest(message.data(), message.size(), result.data(), &length, EVP_sha256(), nullptr) == 1);
  CLUSTERAGENT_ASSERT(length == result.size());
  return result;
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
