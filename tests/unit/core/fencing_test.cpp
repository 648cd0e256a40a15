// Goal: the fence script comes before every take-over that the peer has not agreed to, and its failure blocks it.
// Method: two cores, one of which dies or is cut off.
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/support/core_pair.hpp"

namespace clusteragent::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::CorePair;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

struct Fence : testing::Test {
  Fence() {
    pair.start_both();
    pair.forget_scripts();
  }
  std::ptrdiff_t place_of(const std::string& script) {
    const auto scripts = pair.scripts(1);
    return std::find(scripts.begin(), scripts.end(), script) - scripts.begin();
  }
  CorePair pair{[](Policy& policy) { policy.has_script[static_cast<std::size_t>(ScriptKind::fence)] = true; }};
};

TEST_F(Fence, runs_before_the_service_starts) {
  pair.is_up[0] = false;
  pair.run_for(seconds{2});
  EXPECT_EQ(pair.state(1), "ALONE Ready");
  EXPECT_THAT(pair.scripts(1), Contains("fence"));
  EXPECT_LT(place_of("fence"), place_of("start_prim"));
}

TEST_F(Fence, does_not_run_when_the_peer_hands_over) {
  pair.operate(0, Verb::swap);
  pair.run_for(seconds{2});
  EXPECT_EQ(pair.state(1), "PRIM Ready");
  EXPECT_THAT(pair.scripts(1), Not(Contains("fence")));
}

TEST_F(Fence, blocks_the_take_over_when_it_fails_and_says_when_it_tries_again) {
  pair.failing_script = ScriptKind::fence;
  pair.is_up[0] = false;
  pair.run_for(milliseconds{1500});
  EXPECT_EQ(pair.state(1), "WAIT NotReady");
  const View view = pair.view(1);
  EXPECT_EQ(view.blocked, BlockReason::fence_failed);
  EXPECT_THAT(view.reason, HasSubstr("alpha could not be fenced: fence failed: exit code 1"));
  EXPECT_THAT(view.remedy, HasSubstr("clusteragent prim --force"));
  ASSERT_TRUE(view.next_try_at);
  EXPECT_GT(*view.next_try_at, pair.now());
  EXPECT_FALSE(pair.kernel_has_vip[1]);
  EXPECT_THAT(pair.scripts(1), Not(Contains("start_prim")));
  pair.failing_script.reset();
  pair.run_for(seconds{5});
  EXPECT_EQ(pair.state(1), "ALONE Ready");
}

TEST_F(Fence, tries_again_after_pauses_that_grow_to_a_minute) {
  pair.failing_script = ScriptKind::fence;
  pair.is_up[0] = false;
  pair.run_for(std::chrono::minutes{10});
  const auto scripts = pair.scripts(1);
  const auto tries = std::count(scripts.begin(), scripts.end(), "fence");
  EXPECT_GE(tries, 12);
  EXPECT_LE(tries, 16);
}

TEST_F(Fence, says_what_it_does_and_claims_no_role_meanwhile) {
  pair.hanging_script = ScriptKind::fence;
  pair.is_up[0] = false;
  pair.run_for(seconds{2});
  EXPECT_EQ(pair.state(1), "WAIT Transient");
  EXPECT_EQ(pair.view(1).doing, "fencing alpha");
  EXPECT_FALSE(pair.kernel_has_vip[1]);
}

TEST_F(Fence, ends_when_the_peer_is_heard_again) {
  pair.hanging_script = ScriptKind::fence;
  pair.hears = {false, false};
  pair.run_for(seconds{2});
  ASSERT_EQ(pair.view(1).doing, "fencing alpha");
  pair.hears = {true, true};
  pair.run_for(seconds{2});
  EXPECT_EQ(pair.state(0), "PRIM Ready") << "the primary that was only cut off has never let go";
  EXPECT_EQ(pair.state(1), "SECOND Ready");
  EXPECT_EQ(pair.double_primary, Duration::zero());
}

TEST_F(Fence, is_overridden_by_force_while_it_runs) {
  pair.hanging_script = ScriptKind::fence;
  pair.is_up[0] = false;
  pair.run_for(seconds{2});
  pair.operate(1, Verb::prim);
  EXPECT_THAT(pair.last_reply().message, HasSubstr("being fenced first"));
  EXPECT_EQ(pair.state(1), "WAIT Transient");
  pair.operate(1, Verb::prim, true);
  EXPECT_TRUE(pair.last_reply().is_accepted);
  EXPECT_THAT(pair.last_reply().message, HasSubstr("DATA RISK"));
  pair.run_for(seconds{1});
  EXPECT_EQ(pair.state(1), "ALONE Ready");
  EXPECT_THAT(pair.view(1).reason, Not(HasSubstr("fenced:")));
}

TEST_F(Fence, is_overridden_by_force_after_it_has_failed) {
  pair.failing_script = ScriptKind::fence;
  pair.is_up[0] = false;
  pair.run_for(milliseconds{1500});
  ASSERT_EQ(pair.state(1), "WAIT NotReady");
  pair.operate(1, Verb::prim, true);
  pair.run_for(seconds{1});
  EXPECT_EQ(pair.state(1), "ALONE Ready");
  EXPECT_THAT(pair.notes(1), HasSubstr("DATA RISK"));
}

TEST_F(Fence, ends_with_a_stop) {
  pair.hanging_script = ScriptKind::fence;
  pair.is_up[0] = false;
  pair.run_for(seconds{2});
  pair.operate(1, Verb::stop);
  EXPECT_TRUE(pair.last_reply().is_accepted);
  pair.run_for(seconds{2});
  EXPECT_EQ(pair.state(1), "STOP NotReady");
}

}  // namespace
}  // namespace clusteragent::core
