#include "agent/data/filesync/store/descriptor_cache.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace clusteragent::filesync {
namespace {

platform::Fd a_descriptor() {
  return platform::Fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
}

bool is_open(int number) {
  return ::fcntl(number, F_GETFD) >= 0;
}

TEST(DescriptorCache, finds_what_was_put_and_nothing_else) {
  DescriptorCache cache{2};
  const int number = cache.put(7, a_descriptor())->number();
  EXPECT_EQ(cache.find(7)->number(), number);
  EXPECT_EQ(cache.find(8), nullptr);
}

TEST(DescriptorCache, lets_go_of_the_one_that_was_used_the_longest_time_ago) {
  DescriptorCache cache{2};
  cache.put(1, a_descriptor());
  const int second = cache.put(2, a_descriptor())->number();
  cache.find(1);
  const auto third = cache.put(3, a_descriptor());
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_NE(cache.find(1), nullptr);
  EXPECT_EQ(cache.find(2), nullptr);
  EXPECT_FALSE(is_open(second));
}

TEST(DescriptorCache, keeps_open_what_somebody_uses) {
  DescriptorCache cache{1};
  const auto held = cache.put(1, a_descriptor());
  cache.put(2, a_descriptor());
  EXPECT_EQ(cache.find(1), nullptr);
  EXPECT_TRUE(is_open(held->number()));
}

TEST(DescriptorCache, replaces_and_drops) {
  DescriptorCache cache{4};
  const int first = cache.put(1, a_descriptor())->number();
  const auto second = cache.put(1, a_descriptor());
  EXPECT_EQ(cache.size(), 1U);
  EXPECT_EQ(cache.find(1), second);
  EXPECT_NE(first, second->number());
  cache.drop(1);
  EXPECT_EQ(cache.find(1), nullptr);
  EXPECT_EQ(cache.size(), 0U);
}

}  // namespace
}  // namespace clusteragent::filesync
