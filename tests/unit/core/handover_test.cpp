// Announced restarts of the agent: nothing moves while the next life may still come, and everything does afterwards.
#include <gtest/gtest.h>

#include "tests/support/core_pair.hpp"

namespace clusteragent::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::CorePair;

struct Handovers : testing::Test {
  CorePair pair{[](Policy& policy) { policy.restart_grace = seconds{5}; }};
  int primary = 0;
  int secondary = 1;

  void SetUp() override {
    pair.start_both();
    primary = pair.state(0) == "PRIM Ready" ? 0 : 1;
    secondary = 1 - primary;
    ASSERT_EQ(pair.state(primary), "PRIM Ready");
    ASSERT_EQ(pair.state(secondary), "SECOND Ready");
    pair.forget_scripts();
  }
  void hand_over(int node) {
    pair.operate(node, Verb::hand_over);
    pair.run_for(milliseconds{100});
  }
};

TEST_F(Handovers, primary_goes_and_comes_back_and_nothing_moves) {
  hand_over(primary);
  ASSERT_TRUE(pair.left[static_cast<std::size_t>(primary)]);
  pair.run_for(seconds{4});
  EXPECT_TRUE(pair.answers_for_vip(primary));
  EXPECT_EQ(pair.state(secondary), "SECOND Ready");
  EXPECT_TRUE(pair.view(secondary).promised_to_wait_until);
  ASSERT_TRUE(pair.resume_agent(primary));
  pair.run_for(seconds{5});
  EXPECT_EQ(pair.state(primary), "PRIM Ready");
  EXPECT_EQ(pair.state(secondary), "SECOND Ready");
  EXPECT_FALSE(pair.view(secondary).promised_to_wait_until) << "hearing the next life releases it";
  EXPECT_TRUE(pair.scripts(primary).empty());
  EXPECT_TRUE(pair.scripts(secondary).empty());
}

TEST_F(Handovers, secondary_goes_and_the_primary_stays_prim) {
  hand_over(secondary);
  ASSERT_TRUE(pair.left[static_cast<std::size_t>(secondary)]);
  pair.run_for(seconds{4});
  EXPECT_EQ(pair.state(primary), "PRIM Ready");
  ASSERT_TRUE(pair.resume_agent(secondary));
  pair.run_for(seconds{3});
  EXPECT_EQ(pair.state(primary), "PRIM Ready");
  EXPECT_EQ(pair.state(secondary), "SECOND Ready");
  EXPECT_TRUE(pair.scripts(primary).empty());
}

TEST_F(Handovers, secondary_that_does_not_come_back_is_given_up_after_the_grace) {
  hand_over(secondary);
  pair.run_for(seconds{6});
  EXPECT_EQ(pair.state(primary), "ALONE Ready");
}

TEST_F(Handovers, primary_that_does_not_come_back_is_taken_over_after_its_permit) {
  hand_over(primary);
  pair.run_for(seconds{8});
  EXPECT_EQ(pair.state(secondary), "ALONE Ready");
  EXPECT_EQ(pair.double_primary, Duration::zero());
}

TEST_F(Handovers, promise_outlives_a_restart_of_the_one_that_gave_it) {
  hand_over(primary);
  pair.restart_agent(secondary);
  pair.operate(secondary, Verb::start);
  pair.run_for(seconds{4});
  EXPECT_NE(pair.state(secondary), "ALONE Ready") << "the permit of the primary lives";
  pair.run_for(seconds{4});
  EXPECT_EQ(pair.state(secondary), "ALONE Ready");
  EXPECT_EQ(pair.double_primary, Duration::zero());
}

TEST_F(Handovers, promise_that_is_not_on_disk_is_none) {
  pair.disk_hangs[static_cast<std::size_t>(secondary)] = true;
  hand_over(primary);
  pair.run_for(seconds{3});
  EXPECT_FALSE(pair.left[static_cast<std::size_t>(primary)]);
  EXPECT_FALSE(pair.last_reply().is_accepted);
  EXPECT_EQ(pair.state(primary), "PRIM Ready");
}

TEST_F(Handovers, without_a_peer_it_is_refused) {
  pair.is_up[static_cast<std::size_t>(secondary)] = false;
  pair.run_for(seconds{3});
  hand_over(primary);
  EXPECT_FALSE(pair.last_reply().is_accepted);
  EXPECT_NE(pair.last_reply().message.find("ALONE"), std::string::npos) << pair.last_reply().message;
}

TEST_F(Handovers, failure_to_leave_anything_leaves_everything_as_it_was) {
  pair.handover_fails[static_cast<std::size_t>(primary)] = true;
  hand_over(primary);
  EXPECT_FALSE(pair.last_reply().is_accepted);
  pair.run_for(seconds{10});
  EXPECT_EQ(pair.state(primary), "PRIM Ready");
  EXPECT_TRUE(pair.answers_for_vip(primary));
}

TEST_F(Handovers, what_another_tenure_left_is_of_no_use) {
  hand_over(primary);
  Handover left = *pair.left[static_cast<std::size_t>(primary)];
  const DurableState& durable = pair.disk[static_cast<std::size_t>(primary)];
  const NodeId self{static_cast<std::uint8_t>(primary)};
  EXPECT_TRUE(may_resume(left, durable, self));
  EXPECT_FALSE(may_resume(left, durable, NodeId{static_cast<std::uint8_t>(secondary)}));
  left.epoch = Epoch{left.epoch.value() + 2};
  EXPECT_FALSE(may_resume(left, durable, self));
}

}  // namespace
}  // namespace clusteragent::core
