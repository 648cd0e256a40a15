// When the next engine may take the place of one that died.
#include "agent/data/succession.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace clusteragent::data {
namespace {

constexpr Instant start = Instant::from_nanoseconds(1'000'000'000'000);

std::vector<platform::Fd> one() {
  std::vector<platform::Fd> all;
  all.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return all;
}

TEST(Succession, needs_a_primary_and_something_that_was_kept) {
  Succession succession;
  EXPECT_FALSE(succession.may_take_over(start));
  succession.keep("volume 0", {}, one());
  EXPECT_FALSE(succession.may_take_over(start)) << "it does not lead";
  succession.set_leading(false);
  EXPECT_TRUE(succession.may_take_over(start));
  succession.drop("volume 0");
  EXPECT_FALSE(succession.may_take_over(start));
}

TEST(Succession, knows_whether_the_next_one_may_acknowledge_alone) {
  Succession succession;
  succession.set_solo(true);
  EXPECT_FALSE(succession.is_solo()) << "it does not lead";
  succession.set_leading(false);
  succession.set_solo(true);
  EXPECT_TRUE(succession.is_solo());
  succession.set_solo(false);
  EXPECT_FALSE(succession.is_solo());
}

TEST(Succession, is_not_tried_twice_within_a_minute) {
  Succession succession;
  succession.keep("volume 0", {}, one());
  succession.set_leading(true);
  succession.begin(start);
  EXPECT_FALSE(succession.may_take_over(start + std::chrono::hours{1})) << "under way";
  EXPECT_EQ(succession.succeeded(start + std::chrono::milliseconds{140}), std::chrono::milliseconds{140});
  EXPECT_EQ(succession.count(), 1U);
  EXPECT_FALSE(succession.may_take_over(start + succession_pause_min - Duration{1}));
  EXPECT_TRUE(succession.may_take_over(start + succession_pause_min));
}

TEST(Succession, that_failed_lets_go_of_everything) {
  Succession succession;
  succession.keep("volume 0", {}, one());
  succession.set_leading(true);
  succession.begin(start);
  succession.failed();
  EXPECT_TRUE(succession.kept().empty());
  EXPECT_FALSE(succession.is_leading());
  EXPECT_FALSE(succession.is_under_way());
}

TEST(Succession, keeps_no_more_than_fits_and_nothing_that_was_lost_on_the_way) {
  Succession succession;
  succession.keep("lost", {}, {});
  EXPECT_TRUE(succession.kept().empty());
}

}  // namespace
}  // namespace clusteragent::data
