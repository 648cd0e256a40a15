#include "agent/wire/version.hpp"

#include <gtest/gtest.h>

namespace clusteragent::wire {
namespace {

TEST(Version, is_the_highest_that_both_speak) {
  EXPECT_EQ(common_version({1, 1}, {1, 1}), 1);
  EXPECT_EQ(common_version({1, 1}, {1, 5}), 1);
  EXPECT_EQ(common_version({2, 4}, {1, 3}), 3);
  EXPECT_EQ(common_version({1, 3}, {3, 9}), 3);
  EXPECT_EQ(common_version({0, 255}, {255, 255}), 255);
}

TEST(Version, is_none_where_the_ranges_do_not_meet) {
  EXPECT_FALSE(common_version({1, 1}, {2, 5}));
  EXPECT_FALSE(common_version({6, 9}, {1, 5}));
  EXPECT_FALSE(common_version({1, 9}, {5, 4})) << "a range that ends before it begins";
}

TEST(Version, is_the_same_for_either_node) {
  for (std::uint8_t a = 0; a < 4; ++a) {
    for (std::uint8_t b = 0; b < 4; ++b) {
      const VersionRange one{a, static_cast<std::uint8_t>(a + 1)};
      const VersionRange other{b, static_cast<std::uint8_t>(b + 1)};
      EXPECT_EQ(common_version(one, other), common_version(other, one));
    }
  }
}

TEST(Version, to_send_in_is_our_lowest_until_the_peers_are_known) {
  EXPECT_EQ(version_for({2, 3}, std::nullopt), 2);
  EXPECT_EQ(version_for({2, 3}, VersionRange{1, 2}), 2);
  EXPECT_EQ(version_for({2, 3}, VersionRange{3, 4}), 3);
  EXPECT_EQ(version_for({2, 3}, VersionRange{7, 8}), 2);
}

}  // namespace
}  // namespace clusteragent::wire
