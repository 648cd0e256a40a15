#include "agent/core/restart_budget.hpp"

#include <gtest/gtest.h>

namespace clusteragent::core {
namespace {

using std::chrono::hours;

class RestartBudgetTest : public testing::Test {
 protected:
  Instant now = Instant::from_nanoseconds(1);
  RestartBudget budget{3, hours{24}, 0, {}, now};
};

TEST_F(RestartBudgetTest, refuses_the_restart_after_maxloop) {
  EXPECT_TRUE(budget.take(now) && budget.take(now) && budget.take(now));
  EXPECT_FALSE(budget.take(now + hours{23}));
}

TEST_F(RestartBudgetTest, is_whole_again_when_the_window_has_passed) {
  while (budget.take(now)) {
  }
  EXPECT_EQ(budget.used(now + hours{24}), 0U);
  EXPECT_TRUE(budget.take(now + hours{24}));
  EXPECT_EQ(budget.used(now + hours{25}), 1U);
}

TEST_F(RestartBudgetTest, is_whole_again_when_the_administrator_acts) {
  while (budget.take(now)) {
  }
  budget.reset();
  EXPECT_TRUE(budget.take(now));
}

TEST_F(RestartBudgetTest, survives_a_reboot_as_time_left) {
  RestartBudget after_reboot{3, hours{24}, 3, hours{2}, now};
  EXPECT_FALSE(after_reboot.take(now + hours{1}));
  EXPECT_TRUE(after_reboot.take(now + hours{2}));
}

TEST_F(RestartBudgetTest, has_no_limit_when_the_window_is_zero) {
  RestartBudget unlimited{1, Duration::zero(), 0, {}, now};
  for (int count = 0; count < 10; ++count) EXPECT_TRUE(unlimited.take(now));
}

}  // namespace
}  // namespace clusteragent::core
