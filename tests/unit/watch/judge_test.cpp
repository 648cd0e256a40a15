// The time rules of one <proc>.
#include "agent/watch/judge.hpp"

#include <gtest/gtest.h>

namespace clusteragent::watch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration poll = seconds{10};
const Instant armed = Instant::from_nanoseconds(1'000'000'000);

TEST(Judge, says_nothing_while_disarmed) {
  Judge judge{ProcRule{}, poll};
  EXPECT_EQ(judge.judge(armed, 0), Verdict::fine);
  judge.arm(armed);
  judge.disarm();
  EXPECT_EQ(judge.judge(armed + 2 * poll, 0), Verdict::fine);
}

TEST(Judge, gives_a_process_that_never_appeared_one_poll) {
  Judge judge{ProcRule{}, poll};
  judge.arm(armed);
  EXPECT_EQ(judge.judge(armed, 0), Verdict::fine);
  EXPECT_EQ(judge.judge(armed + poll - milliseconds{1}, 0), Verdict::fine);
  EXPECT_EQ(judge.judge(armed + poll, 0), Verdict::missing);
}

TEST(Judge, reports_the_loss_of_one_that_was_seen_at_once) {
  Judge judge{ProcRule{}, poll};
  judge.arm(armed);
  EXPECT_EQ(judge.judge(armed, 1), Verdict::fine);
  EXPECT_EQ(judge.judge(armed + milliseconds{1}, 0), Verdict::missing);
}

TEST(Judge, is_quiet_for_a_poll_after_a_verdict) {
  Judge judge{ProcRule{}, poll};
  judge.arm(armed);
  judge.judge(armed, 1);
  const Instant lost = armed + seconds{3};
  EXPECT_EQ(judge.judge(lost, 0), Verdict::missing);
  EXPECT_EQ(judge.judge(lost + poll - milliseconds{1}, 0), Verdict::fine);
  EXPECT_EQ(judge.judge(lost + poll, 0), Verdict::missing);
}

TEST(Judge, start_after_holds_every_verdict_back) {
  ProcRule rule;
  rule.start_after = 4;
  Judge judge{rule, poll};
  judge.arm(armed);
  EXPECT_EQ(judge.judge(armed, 1), Verdict::fine);
  EXPECT_EQ(judge.judge(armed + 3 * poll - milliseconds{1}, 0), Verdict::fine);
  EXPECT_EQ(judge.judge(armed + 3 * poll, 0), Verdict::missing);
}

TEST(Judge, start_after_of_one_is_no_delay) {
  ProcRule rule;
  rule.start_after = 1;
  Judge judge{rule, poll};
  judge.arm(armed);
  judge.judge(armed, 1);
  EXPECT_EQ(judge.judge(armed + milliseconds{1}, 0), Verdict::missing);
}

TEST(Judge, arming_again_forgets_what_was_seen) {
  Judge judge{ProcRule{}, poll};
  judge.arm(armed);
  judge.judge(armed, 1);
  judge.arm(armed + seconds{5});
  EXPECT_EQ(judge.judge(armed + seconds{6}, 0), Verdict::fine);
}

TEST(Judge, acts_below_atleast) {
  ProcRule rule;
  rule.at_least = 3;
  Judge judge{rule, poll};
  judge.arm(armed);
  EXPECT_EQ(judge.judge(armed, 3), Verdict::fine);
  EXPECT_EQ(judge.judge(armed + milliseconds{1}, 2), Verdict::missing);
}

TEST(Judge, acts_when_atmax_is_reached_and_zero_means_any) {
  ProcRule rule;
  rule.at_least.reset();
  rule.at_max = 2;
  Judge two{rule, poll};
  two.arm(armed);
  EXPECT_EQ(two.judge(armed, 1), Verdict::fine);
  EXPECT_EQ(two.judge(armed, 2), Verdict::excess);
  rule.at_max = 0;
  Judge any{rule, poll};
  any.arm(armed);
  EXPECT_EQ(any.judge(armed, 0), Verdict::fine);
  EXPECT_EQ(any.judge(armed, 1), Verdict::excess);
}

TEST(Judge, without_limits_never_acts) {
  ProcRule rule;
  rule.at_least.reset();
  Judge judge{rule, poll};
  judge.arm(armed);
  EXPECT_EQ(judge.judge(armed + 5 * poll, 0), Verdict::fine);
  EXPECT_EQ(judge.judge(armed + 5 * poll, 100'000), Verdict::fine);
}

}  // namespace
}  // namespace clusteragent::watch
