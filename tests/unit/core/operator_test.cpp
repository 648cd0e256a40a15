// Operator commands, in quiet and in the middle of things.
#include <gmock/gmock.h>

#include "tests/support/core_pair.hpp"

namespace clusteragent::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::CorePair;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Operator, swap_on_the_primary_exchanges_the_roles) {
  CorePair pair;
  pair.start_both();
  pair.operate(0, Verb::swap);
  pair.run_for(seconds{1});
  EXPECT_EQ(pair.state(0), "SECOND Ready");
  EXPECT_EQ(pair.state(1), "PRIM Ready");
  EXPECT_EQ(pair.double_primary, Duration::zero());
}

TEST(Operator, swap_on_the_secondary_does_the_same) {
  CorePair pair;
  pair.start_both();
  pair.operate(1, Verb::swap);
  pair.run_for(seconds{1});
  EXPECT_EQ(pair.state(1), "PRIM Ready");
}

TEST(Operator, swap_without_a_secondary_is_refused_with_the_reason) {
  CorePair pair;
  pair.operate(0, Verb::start);
  pair.run_for(seconds{2});
  pair.operate(0, Verb::swap);
  EXPECT_FALSE(pair.last_reply().is_accepted);
  EXPECT_THAT(pair.last_reply().message, HasSubstr("beta is in STOP"));
}

TEST(Operator, stop_of_the_primary_hands_over_after_its_stop_scripts) {
  CorePair pair;
  pair.start_both();
  pair.forget_scripts();
  pair.operate(0, Verb::stop);
  pair.run_for(seconds{1});
  EXPECT_EQ(pair.state(0), "STOP NotReady");
  EXPECT_EQ(pair.state(1), "ALONE Ready");
  EXPECT_THAT(pair.scripts(0), ElementsAre("stop_prim", "stop_both", "transition", "stop_sec force", "stop_prim force",
                                           "stop_second force", "stop_both force", "poststop", "transition"));
}

TEST(Operator, stop_in_the_middle_of_a_take_over_ends_the_start_script_and_stops) {
  CorePair pair;
  pair.hanging_script = ScriptKind::start_prim;
  pair.is_up[1] = false;
  pair.operate(0, Verb::start);
  pair.run_for(seconds{2});
  EXPECT_EQ(pair.view(0).doing, "start_prim");
  pair.operate(0, Verb::stop, false, "start_prim");
  pair.run_for(seconds{1});
  EXPECT_NE(pair.state(0), "STOP Not_Ready");
  pair.operate(0, Verb::stop);
  EXPECT_TRUE(pair.last_reply().is_accepted);
}

TEST(Operator, prim_is_refused_while_the_other_is_primary) {
  CorePair pair;
  pair.start_both();
  pair.operate(1, Verb::prim);
  EXPECT_FALSE(pair.last_reply().is_accepted);
  EXPECT_THAT(pair.last_reply().message, HasSubstr("clusteragent swap"));
}

TEST(Operator, prim_wins_over_a_node_that_would_have_been_preferred) {
  CorePair pair;
  pair.operate(1, Verb::prim);
  pair.operate(0, Verb::start);
  pair.run_for(seconds{2});
  EXPECT_EQ(pair.state(1), "PRIM Ready");
  EXPECT_EQ(pair.state(0), "SECOND Ready");
}

TEST(Operator, second_needs_a_primary_and_says_what_to_do) {
  CorePair pair;
  pair.run_for(milliseconds{200});
  pair.operate(1, Verb::second);
  EXPECT_FALSE(pair.last_reply().is_accepted);
  EXPECT_THAT(pair.last_reply().message, HasSubstr("clusteragent prim"));
  pair.operate(0, Verb::start);
  pair.run_for(seconds{1});
  pair.operate(1, Verb::second);
  pair.run_for(seconds{1});
  EXPECT_EQ(pair.state(1), "SECOND Ready");
}

TEST(Operator, stopstart_on_the_primary_is_a_failover_and_the_node_returns_as_secondary) {
  CorePair pair;
  pair.start_both();
  pair.operate(0, Verb::stopstart);
  pair.run_for(seconds{2});
  EXPECT_EQ(pair.state(1), "PRIM Ready");
  EXPECT_EQ(pair.state(0), "SECOND Ready");
}

TEST(Operator, an_administrators_restart_costs_no_budget_and_a_scripts_does) {
  CorePair pair;
  pair.start_both();
  pair.operate(0, Verb::restart);
  pair.run_for(milliseconds{100});
  EXPECT_EQ(pair.view(0).restarts_used, 0U);
  pair.operate(0, Verb::restart, false, "custom_checker");
  pair.run_for(milliseconds{100});
  EXPECT_EQ(pair.view(0).restarts_used, 1U);
}

TEST(Operator, the_wish_that_the_module_runs_survives_the_agent) {
  CorePair pair;
  pair.start_both();
  EXPECT_TRUE(pair.disk[0].is_wanted);
  pair.operate(0, Verb::stop);
  pair.run_for(seconds{1});
  EXPECT_FALSE(pair.disk[0].is_wanted);
}

TEST(Operator, a_shutdown_stops_the_module_and_keeps_the_wish_that_it_runs) {
  CorePair pair;
  pair.start_both();
  pair.shut_down(0);
  pair.run_for(seconds{1});
  EXPECT_EQ(pair.state(0), "STOP NotReady");
  EXPECT_EQ(pair.state(1), "ALONE Ready");
  EXPECT_TRUE(pair.disk[0].is_wanted);
}

}  // namespace
}  // namespace clusteragent::core
