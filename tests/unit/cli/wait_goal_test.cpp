#include "agent/cli/wait_goal.hpp"

#include <gtest/gtest.h>

namespace clusteragent::cli {
namespace {

using core::Verb;

TEST(WaitGoal, start_is_done_when_the_module_serves_or_stands_by) {
  EXPECT_EQ(progress_of(Verb::start, "STOP", "WAIT", "Transient"), Progress::under_way);
  for (const char* state : {"ALONE", "PRIM", "SECOND"}) {
    EXPECT_EQ(progress_of(Verb::start, "STOP", state, "Ready"), Progress::reached);
    EXPECT_EQ(progress_of(Verb::start, "STOP", state, "Transient"), Progress::under_way);
  }
}

TEST(WaitGoal, start_that_ends_blocked_or_stopped_has_missed) {
  EXPECT_EQ(progress_of(Verb::start, "STOP", "WAIT", "NotReady"), Progress::missed);
  EXPECT_EQ(progress_of(Verb::start, "STOP", "STOP", "NotReady"), Progress::missed);
}

TEST(WaitGoal, stop_waits_for_stop_and_nothing_else) {
  EXPECT_EQ(progress_of(Verb::stop, "PRIM", "WAIT", "Transient"), Progress::under_way);
  EXPECT_EQ(progress_of(Verb::stop, "WAIT", "WAIT", "NotReady"), Progress::under_way);
  EXPECT_EQ(progress_of(Verb::stop, "PRIM", "STOP", "NotReady"), Progress::reached);
}

TEST(WaitGoal, swap_asked_on_the_primary_ends_as_secondary) {
  EXPECT_EQ(progress_of(Verb::swap, "PRIM", "PRIM", "Transient"), Progress::under_way);
  EXPECT_EQ(progress_of(Verb::swap, "PRIM", "SECOND", "Ready"), Progress::reached);
  EXPECT_EQ(progress_of(Verb::swap, "PRIM", "ALONE", "Ready"), Progress::missed) << "the other one did not take over";
}

TEST(WaitGoal, swap_asked_on_the_secondary_stays_ready_until_the_primary_has_let_go) {
  EXPECT_EQ(progress_of(Verb::swap, "SECOND", "SECOND", "Ready"), Progress::under_way);
  EXPECT_EQ(progress_of(Verb::swap, "SECOND", "ALONE", "Ready"), Progress::reached);
}

TEST(WaitGoal, prim_and_second_want_their_role) {
  EXPECT_EQ(progress_of(Verb::prim, "SECOND", "SECOND", "Ready"), Progress::under_way);
  EXPECT_EQ(progress_of(Verb::prim, "STOP", "ALONE", "Ready"), Progress::reached);
  EXPECT_EQ(progress_of(Verb::second, "STOP", "SECOND", "Ready"), Progress::reached);
  EXPECT_EQ(progress_of(Verb::second, "STOP", "ALONE", "Ready"), Progress::missed);
}

}  // namespace
}  // namespace clusteragent::cli
