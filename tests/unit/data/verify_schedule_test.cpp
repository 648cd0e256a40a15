#include "agent/data/verify_schedule.hpp"

#include <gtest/gtest.h>

namespace clusteragent::data {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(VerifySchedule, is_due_at_its_time_and_for_an_hour) {
  EXPECT_FALSE(is_verify_due(hours{3}, hours{3} - seconds{1}, std::nullopt));
  EXPECT_TRUE(is_verify_due(hours{3}, hours{3}, std::nullopt));
  EXPECT_TRUE(is_verify_due(hours{3}, hours{4} - seconds{1}, std::nullopt));
  EXPECT_FALSE(is_verify_due(hours{3}, hours{4}, std::nullopt));
}

TEST(VerifySchedule, comes_once_a_day) {
  EXPECT_FALSE(is_verify_due(hours{3}, hours{3} + minutes{5}, minutes{4}));
  EXPECT_TRUE(is_verify_due(hours{3}, hours{3} + minutes{5}, hours{24}));
  EXPECT_TRUE(is_verify_due(hours{3}, hours{3} + minutes{5}, minutes{6}));
}

TEST(VerifySchedule, its_hour_may_go_over_midnight) {
  EXPECT_TRUE(is_verify_due(hours{23} + minutes{30}, minutes{10}, std::nullopt));
  EXPECT_FALSE(is_verify_due(hours{23} + minutes{30}, minutes{30}, std::nullopt));
  EXPECT_FALSE(is_verify_due(hours{23} + minutes{30}, minutes{10}, minutes{35}));
}

TEST(VerifySchedule, a_clock_that_was_set_back_does_not_stop_it) {
  EXPECT_TRUE(is_verify_due(hours{3}, hours{3}, -hours{5}));
}

}  // namespace
}  // namespace clusteragent::data
