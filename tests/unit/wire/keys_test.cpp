#include "agent/wire/keys.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace clusteragent::wire {
namespace {

using testing::HasSubstr;

TEST(ClusterKey, survives_its_file_form) {
  const Key key = generate_key();
  EXPECT_NE(key, generate_key());
  EXPECT_EQ(*parse_key(format_key(key), "k"), key);
}

TEST(ClusterKey, is_read_as_hexadecimal_and_as_base64) {
  Key key{};
  for (std::size_t at = 0; at < key.size(); ++at) key[at] = static_cast<std::uint8_t>(at);
  EXPECT_EQ(*parse_key("000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F", "k"), key);
  EXPECT_EQ(*parse_key(" AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\r\n", "k"), key);
}

TEST(ClusterKey, that_is_none_is_refused_with_file_and_remedy) {
  const std::array texts{std::string{},
                         std::string{"\n \n"},
                         std::string(63, 'a'),
                         std::string(65, 'a'),
                         std::string(64, 'g'),
                         std::string(44, 'A'),
                         std::string(42, 'A') + "==",
                         "A=" + std::string(41, 'A') + "=",
                         std::string(43, '*') + "="};
  for (const std::string& text : texts) {
    const auto bad = parse_key(text, "/etc/clusteragent/cluster.key");
    ASSERT_FALSE(bad) << text;
    EXPECT_THAT(bad.error().message, HasSubstr("/etc/clusteragent/cluster.key"));
    EXPECT_THAT(bad.error().message, HasSubstr("clusteragent keygen"));
  }
}

// Test case 1 of RFC 5869 uses other lengths; the value here was worked out with Python's hmac module after §2.
TEST(DerivedKey, follows_hkdf) {
  Key key{};
  for (std::size_t at = 0; at < key.size(); ++at) key[at] = static_cast<std::uint8_t>(at);
  EXPECT_EQ(format_key(derive_key(key, Purpose::heartbeat, "mysql")),
            "c10d979352758883c90fa2877fc72ccdf956561f792e6efeb61128e2d324a41b\n");
}

TEST(DerivedKey, differs_by_purpose_and_module) {
  const Key key = generate_key();
  std::vector<Key> all;
  for (const auto purpose : {Purpose::heartbeat, Purpose::guard_release, Purpose::report, Purpose::witness}) {
    for (const char* module : {"mysql", "mail", ""}) all.push_back(derive_key(key, purpose, module));
  }
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
}

TEST(Mac, is_hmac_sha256_cut_to_16_bytes_and_needs_all_of_them) {
  const Key key{1};
  const std::array<std::uint8_t, 3> message{'a', 'b', 'c'};
  const Mac mac = authenticate(key, message);
  EXPECT_TRUE(is_authentic(key, message, mac));
  EXPECT_FALSE(is_authentic(key, message, std::span{mac}.first(15)));
  EXPECT_FALSE(is_authentic(Key{2}, message, mac));
}

}  // namespace
}  // namespace clusteragent::wire
