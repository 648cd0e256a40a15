#include "agent/wire/lan_trailer.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <vector>

namespace clusteragent::wire {
namespace {

const std::vector<std::uint8_t> address{192, 0, 2, 7};

class LanTrailerTest : public testing::Test {
 protected:
  Key key = derive_key(Key{1, 2, 3}, Purpose::lan, "mysql");
  SignedWord claim{NodeId{1}, core::LanWord{0x1122, 0x3344, Epoch{7}, true, true, false}};

  std::vector<std::uint8_t> encoded() const {
    const LanTrailer trailer = encode_lan_word(claim, address, key);
    return {trailer.begin(), trailer.end()};
  }
  /// What nobody without the key could send.
  std::optional<SignedWord> signed_again(std::vector<std::uint8_t> bytes) const {
    bytes.resize(lan_trailer_bytes - mac_bytes);
    std::vector<std::uint8_t> message = bytes;
    message.insert(message.end(), address.begin(), address.end());
    const Mac mac = authenticate(key, message);
    bytes.insert(bytes.end(), mac.begin(), mac.end());
    return decode_lan_word(bytes, address, key);
  }
};

TEST_F(LanTrailerTest, gives_back_every_field) {
  for (const core::LanWord& word : {claim.word, core::LanWord{1, 2, Epoch{}, true, false, true},
                                    core::LanWord{~0ULL, ~0ULL, Epoch{}, false, false, false}}) {
    const auto decoded = decode_lan_word(encode_lan_word({NodeId{0}, word}, address, key), address, key);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->node, NodeId{0});
    EXPECT_EQ(decoded->word, word);
  }
}

TEST_F(LanTrailerTest, has_the_written_format) {
  std::string hexadecimal;
  for (const std::uint8_t byte : encoded()) hexadecimal += fmt::format("{:02x}", byte);
  EXPECT_EQ(hexadecimal.substr(0, 62), "434c414c010103000000000000112200000000000033440000000000000007");
}

TEST_F(LanTrailerTest, is_refused_with_any_bit_changed) {
  for (std::size_t bit = 0; bit < lan_trailer_bytes * 8; ++bit) {
    auto damaged = encoded();
    damaged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(decode_lan_word(damaged, address, key)) << "bit " << bit;
  }
}

TEST_F(LanTrailerTest, says_nothing_about_another_address_module_cluster_or_purpose) {
  const auto bytes = encoded();
  EXPECT_TRUE(decode_lan_word(bytes, address, key));
  EXPECT_FALSE(decode_lan_word(bytes, std::vector<std::uint8_t>{192, 0, 2, 8}, key));
  EXPECT_FALSE(decode_lan_word(bytes, std::vector<std::uint8_t>(16), key));
  for (const Key& other :
       {derive_key(Key{1, 2, 3}, Purpose::lan, "postgres"), derive_key(Key{1, 2, 4}, Purpose::lan, "mysql"),
        derive_key(Key{1, 2, 3}, Purpose::heartbeat, "mysql")}) {
    EXPECT_FALSE(decode_lan_word(bytes, address, other));
  }
}

TEST_F(LanTrailerTest, may_be_padded_but_not_cut_short) {
  auto bytes = encoded();
  for (std::size_t size = 0; size < lan_trailer_bytes; ++size) {
    EXPECT_FALSE(decode_lan_word(std::span{bytes}.first(size), address, key)) << size;
  }
  bytes.insert(bytes.end(), 20, 0xff);
  EXPECT_TRUE(decode_lan_word(bytes, address, key));
}

TEST_F(LanTrailerTest, refuses_what_is_signed_but_impossible) {
  constexpr std::size_t node_offset = 5;
  constexpr std::size_t flags_offset = 6;
  EXPECT_TRUE(signed_again(encoded()));
  auto third_node = encoded();
  third_node[node_offset] = 2;
  EXPECT_FALSE(signed_again(third_node));
  for (const std::uint8_t flags : {std::uint8_t{8}, std::uint8_t{6}, std::uint8_t{1}}) {
    auto bytes = encoded();
    bytes[flags_offset] = flags;  // unknown; holds and is free; an epoch without a claim
    EXPECT_FALSE(signed_again(bytes)) << int{flags};
  }
}

}  // namespace
}  // namespace clusteragent::wire
