// Maintenance: nothing moves by itself on either node, and it ends by itself.
#include <gtest/gtest.h>

#include "tests/support/core_pair.hpp"

namespace clusteragent::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using test::CorePair;

struct Maintained : testing::Test {
  CorePair pair;
  int primary = 0;
  int secondary = 1;

  void SetUp() override {
    pair.start_both();
    primary = pair.state(0) == "PRIM Ready" ? 0 : 1;
    secondary = 1 - primary;
    ASSERT_EQ(pair.state(primary), "PRIM Ready");
    pair.maintain(secondary, seconds{60});
    pair.run_for(milliseconds{500});
    ASSERT_TRUE(pair.view(primary).maintenance_until);
    ASSERT_TRUE(pair.view(secondary).maintenance_until);
    ASSERT_TRUE(pair.view(secondary).is_maintenance_agreed);
    ASSERT_NE(pair.last_reply().message.find("both nodes"), std::string::npos) << pair.last_reply().message;
    pair.forget_scripts();
  }
};

TEST_F(Maintained, dead_primary_is_not_taken_over_before_its_end) {
  pair.is_up[static_cast<std::size_t>(primary)] = false;
  pair.run_for(seconds{50});
  EXPECT_EQ(pair.state(secondary), "SECOND Ready");
  EXPECT_TRUE(pair.scripts(secondary).empty());
  pair.run_for(seconds{20});
  EXPECT_EQ(pair.state(secondary), "ALONE Ready") << "it ends by itself, and the ordinary rules apply";
}

TEST_F(Maintained, off_lets_a_dead_primary_be_taken_over_after_a_timeout) {
  pair.is_up[static_cast<std::size_t>(primary)] = false;
  pair.run_for(seconds{5});
  pair.maintain(secondary, {});
  pair.run_for(milliseconds{900});
  EXPECT_EQ(pair.state(secondary), "SECOND Ready");
  pair.run_for(seconds{1});
  EXPECT_EQ(pair.state(secondary), "ALONE Ready");
}

TEST_F(Maintained, failed_process_is_left_alone_and_shown) {
  pair.tell(primary, ProcessFailed{"mysqld", FailureAction::restart, "mysqld is missing"});
  pair.run_for(seconds{2});
  EXPECT_EQ(pair.state(primary), "PRIM Ready");
  EXPECT_TRUE(pair.scripts(primary).empty());
  EXPECT_EQ(pair.view(primary).left_alone, "mysqld is missing");
}

TEST_F(Maintained, dead_secondary_leaves_the_primary_as_it_is) {
  pair.is_up[static_cast<std::size_t>(secondary)] = false;
  pair.run_for(seconds{5});
  EXPECT_EQ(pair.state(primary), "PRIM Ready");
}

TEST_F(Maintained, swap_and_stopstart_are_refused_with_the_way_out) {
  for (const Verb verb : {Verb::swap, Verb::stopstart}) {
    pair.operate(primary, verb);
    EXPECT_FALSE(pair.last_reply().is_accepted);
    EXPECT_NE(pair.last_reply().message.find("maintenance off"), std::string::npos);
  }
}

TEST_F(Maintained, prim_on_the_secondary_needs_force_while_the_primary_is_silent) {
  pair.is_up[static_cast<std::size_t>(primary)] = false;
  pair.run_for(seconds{5});
  pair.operate(secondary, Verb::prim);
  EXPECT_FALSE(pair.last_reply().is_accepted);
  pair.operate(secondary, Verb::prim, true);
  pair.run_for(seconds{2});
  EXPECT_EQ(pair.state(secondary), "ALONE Ready");
}

TEST_F(Maintained, primary_may_be_away_until_its_end) {
  pair.operate(primary, Verb::hand_over);
  pair.run_for(seconds{45});
  EXPECT_TRUE(pair.answers_for_vip(primary));
  EXPECT_EQ(pair.state(secondary), "SECOND Ready");
  ASSERT_TRUE(pair.resume_agent(primary));
  pair.run_for(seconds{30});
  EXPECT_EQ(pair.state(primary), "PRIM Ready");
  EXPECT_EQ(pair.state(secondary), "SECOND Ready");
  EXPECT_TRUE(pair.scripts(primary).empty());
}

TEST_F(Maintained, off_on_the_secondary_does_not_break_its_promise_to_an_absent_agent) {
  pair.operate(primary, Verb::hand_over);
  pair.run_for(seconds{5});
  pair.maintain(secondary, {});
  pair.run_for(seconds{10});
  EXPECT_TRUE(pair.answers_for_vip(primary));
  EXPECT_EQ(pair.state(secondary), "SECOND Ready");
  EXPECT_EQ(pair.double_primary, Duration::zero());
}

TEST_F(Maintained, survives_a_restart_of_either_agent) {
  pair.restart_agent(secondary);
  pair.run_for(seconds{1});
  EXPECT_TRUE(pair.view(secondary).maintenance_until);
}

TEST_F(Maintained, newer_word_wins_and_off_reaches_the_other_node) {
  pair.maintain(primary, minutes{10});
  pair.run_for(milliseconds{500});
  ASSERT_TRUE(pair.view(secondary).maintenance_until);
  EXPECT_GT(*pair.view(secondary).maintenance_until - pair.now(), minutes{9});
  pair.maintain(secondary, {});
  pair.run_for(milliseconds{500});
  EXPECT_FALSE(pair.view(primary).maintenance_until);
}

}  // namespace
}  // namespace clusteragent::core
