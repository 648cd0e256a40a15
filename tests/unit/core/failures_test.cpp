// What goes wrong, and what must not follow from it.
#include <gmock/gmock.h>

#include "tests/support/core_pair.hpp"

namespace clusteragent::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::CorePair;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Failures, a_frozen_primary_answers_for_the_vip_no_longer_when_the_other_takes_over) {
  CorePair pair;
  pair.start_both();
  pair.is_frozen[0] = true;
  pair.run_for(seconds{10});
  EXPECT_EQ(pair.state(1), "ALONE Ready");
  pair.is_frozen[0] = false;
  pair.run_for(seconds{2});
  EXPECT_EQ(pair.state(0), "SECOND Ready");
  EXPECT_EQ(pair.double_primary, Duration::zero());
}

TEST(Failures, a_primary_that_stood_still_asks_before_it_answers_again) {
  CorePair pair;
  pair.start_both();
  pair.is_frozen[0] = true;
  pair.run_for(milliseconds{980});  // past the permit, short of the verdict
  EXPECT_FALSE(pair.answers_for_vip(0));
  pair.is_frozen[0] = false;
  pair.run_for(milliseconds{5});
  EXPECT_TRUE(pair.answers_for_vip(0)) << pair.notes(0);
  EXPECT_THAT(pair.notes(0), HasSubstr("stood still"));
  EXPECT_EQ(pair.state(1), "SECOND Ready");
}

TEST(Failures, a_split_leaves_two_primaries_and_its_end_the_one_with_the_newer_epoch) {
  CorePair pair;
  pair.start_both();
  pair.hears = {false, false};
  pair.run_for(seconds{3});
  EXPECT_EQ(pair.state(0), "ALONE Ready");
  EXPECT_EQ(pair.state(1), "ALONE Ready");
  pair.hears = {true, true};
  pair.run_for(seconds{2});
  EXPECT_EQ(pair.state(1), "PRIM Ready");
  EXPECT_EQ(pair.state(0), "SECOND Ready");
  EXPECT_THAT(pair.notes(1), HasSubstr("split brain"));
}

struct Diverged : testing::Test {
  CorePair pair;
  void SetUp() override {
    pair.start_both();
    pair.hears = {false, false};
    pair.run_for(seconds{3});
    ASSERT_EQ(pair.view(0).diverged_epoch, Epoch{}) << "nobody knows yet";
    pair.hears = {true, true};
    pair.run_for(seconds{2});
    ASSERT_EQ(pair.state(0), "SECOND Ready");
  }
};

TEST_F(Diverged, the_loser_of_a_split_is_marked_and_the_winner_is_not) {
  EXPECT_EQ(pair.view(0).diverged_epoch, Epoch{2});
  EXPECT_EQ(pair.view(1).diverged_epoch, Epoch{});
  EXPECT_THAT(pair.notes(0), HasSubstr("diverged"));
  EXPECT_THAT(pair.notes(0), HasSubstr("clusteragent acknowledge"));
}

TEST_F(Diverged, the_mark_outlives_the_agent_and_hinders_no_take_over) {
  pair.restart_agent(0);
  pair.operate(0, Verb::start);
  pair.run_for(seconds{2});
  ASSERT_EQ(pair.state(0), "SECOND Ready");
  EXPECT_EQ(pair.view(0).diverged_epoch, Epoch{2});
  EXPECT_TRUE(pair.view(0).is_promotable);
  pair.is_up[1] = false;
  pair.run_for(seconds{3});
  EXPECT_EQ(pair.state(0), "ALONE Ready");
  EXPECT_EQ(pair.view(0).diverged_epoch, Epoch{2});
}

TEST_F(Diverged, an_operator_takes_the_mark_away_for_good) {
  pair.operate(0, Verb::acknowledge);
  EXPECT_TRUE(pair.last_reply().is_accepted);
  EXPECT_THAT(pair.last_reply().message, HasSubstr("epoch 2"));
  pair.run_for(seconds{1});
  pair.restart_agent(0);
  EXPECT_EQ(pair.view(0).diverged_epoch, Epoch{});
  pair.operate(0, Verb::acknowledge);
  EXPECT_THAT(pair.last_reply().message, HasSubstr("nothing to acknowledge"));
}

TEST_F(Diverged, an_ordinary_failover_marks_nobody) {
  pair.operate(0, Verb::acknowledge);
  pair.operate(1, Verb::swap);
  pair.run_for(seconds{2});
  ASSERT_EQ(pair.state(0), "PRIM Ready");
  EXPECT_EQ(pair.view(0).diverged_epoch, Epoch{});
  EXPECT_EQ(pair.view(1).diverged_epoch, Epoch{});
}

TEST(Failures, a_primary_gives_way_to_a_secondary_that_no_longer_hears_it) {
  CorePair pair;
  pair.start_both();
  pair.hears[1] = false;
  pair.run_for(seconds{3});
  EXPECT_EQ(pair.state(1), "ALONE Ready");
  EXPECT_EQ(pair.double_primary, Duration::zero());
  EXPECT_THAT(pair.notes(0), HasSubstr("one-way cut"));
}

TEST(Failures, a_primary_that_hears_nothing_stays_primary_while_it_is_heard) {
  CorePair pair;
  pair.start_both();
  pair.hears[0] = false;
  pair.run_for(seconds{5});
  EXPECT_EQ(pair.state(0), "ALONE Ready");
  EXPECT_EQ(pair.state(1), "SECOND Ready");
}

TEST(Failures, a_disk_that_hangs_delays_the_take_over_and_no_heartbeat) {
  CorePair pair;
  pair.start_both();
  pair.disk_hangs[1] = true;
  pair.is_up[0] = false;
  pair.run_for(seconds{5});
  EXPECT_EQ(pair.view(1).doing, "writing epoch 3");
  EXPECT_FALSE(pair.answers_for_vip(1));
  pair.disk_hangs[1] = false;
  pair.run_for(milliseconds{200});
  EXPECT_EQ(pair.state(1), "ALONE Ready");
}

TEST(Failures, a_full_disk_is_named_and_the_take_over_follows_when_there_is_room) {
  CorePair pair;
  pair.start_both();
  pair.disk_is_full[1] = true;
  pair.is_up[0] = false;
  pair.run_for(seconds{5});
  EXPECT_EQ(pair.state(1), "WAIT NotReady");
  EXPECT_THAT(pair.view(1).reason, HasSubstr("no space left"));
  pair.disk_is_full[1] = false;
  pair.run_for(seconds{3});
  EXPECT_EQ(pair.state(1), "ALONE Ready");
}

TEST(Failures, a_start_script_that_fails_hands_the_service_to_the_secondary) {
  CorePair pair;
  pair.start_both();
  pair.failing_script = ScriptKind::start_prim;
  pair.failing_on = {true, false};
  pair.operate(0, Verb::restart);
  pair.run_for(seconds{5});
  EXPECT_EQ(pair.state(1), "PRIM Ready");
  EXPECT_EQ(pair.state(0), "SECOND Ready");
  EXPECT_EQ(pair.view(0).restarts_used, 1U);
  EXPECT_THAT(pair.notes(0), HasSubstr("start_prim failed: exit code 1"));
}

TEST(Failures, a_start_script_that_keeps_failing_ends_in_STOP_with_its_reason) {
  CorePair pair;
  pair.is_up[1] = false;
  pair.failing_script = ScriptKind::start_prim;
  pair.operate(0, Verb::start);
  pair.run_for(seconds{60});
  EXPECT_EQ(pair.state(0), "STOP NotReady");
  EXPECT_THAT(pair.notes(0), HasSubstr("Action stop called by maxloop"));
  EXPECT_THAT(pair.view(0).last_script_failure, HasSubstr("exit code 1"));
}

TEST(Failures, a_graceful_stop_that_fails_is_followed_by_force) {
  CorePair pair;
  pair.start_both();
  pair.forget_scripts();
  pair.failing_script = ScriptKind::stop_prim;
  pair.operate(0, Verb::swap);
  pair.run_for(seconds{1});
  EXPECT_THAT(pair.scripts(0), Contains("stop_prim force"));
  EXPECT_EQ(pair.state(1), "PRIM Ready");
}

TEST(Failures, a_dead_process_is_restarted_in_place_until_the_budget_is_spent) {
  CorePair pair;
  pair.start_both();
  const auto die = [&] { pair.tell(0, ProcessFailed{"mysqld", FailureAction::restart, "Process mysqld not running"}); };
  for (int death = 0; death < 3; ++death) {
    die();
    pair.run_for(milliseconds{500});
    EXPECT_EQ(pair.state(0), "PRIM Ready");
  }
  die();
  pair.run_for(seconds{1});
  EXPECT_EQ(pair.state(0), "STOP NotReady");
  EXPECT_EQ(pair.state(1), "ALONE Ready");
}

TEST(Failures, a_lost_link_of_the_primary_moves_the_service) {
  CorePair pair{[](Policy& policy) { policy.checked_interfaces = {"eth0"}; }};
  pair.start_both();
  pair.tell(0, LinkChanged{"eth0", false});
  pair.run_for(seconds{2});
  EXPECT_EQ(pair.state(1), "PRIM Ready");
  EXPECT_EQ(pair.state(0), "SECOND Ready") << "another network still carries the heartbeat";
  EXPECT_EQ(pair.view(0).blocked, BlockReason::interface_down);
  pair.tell(0, LinkChanged{"eth0", true});
  pair.run_for(seconds{1});
  EXPECT_TRUE(pair.view(0).is_promotable);
}

TEST(Failures, a_primary_that_loses_every_network_stops_the_service_and_returns_by_itself) {
  CorePair pair{[](Policy& policy) { policy.checked_interfaces = {"eth0"}; }};
  pair.start_both();
  pair.hears = {false, false};
  pair.tell(0, LinkChanged{"eth0", false});
  pair.run_for(seconds{3});
  EXPECT_EQ(pair.state(0), "WAIT NotReady");
  EXPECT_EQ(pair.state(1), "ALONE Ready");
  pair.hears = {true, true};
  pair.tell(0, LinkChanged{"eth0", true});
  pair.run_for(seconds{1});
  EXPECT_EQ(pair.state(0), "SECOND Ready");
  EXPECT_EQ(pair.double_primary, Duration::zero());
}

TEST(Failures, a_secondary_without_link_says_beforehand_that_it_cannot_take_over) {
  CorePair pair{[](Policy& policy) { policy.checked_interfaces = {"eth0"}; }};
  pair.start_both();
  pair.tell(1, LinkChanged{"eth0", false});
  pair.run_for(seconds{2});
  EXPECT_EQ(pair.view(0).peer.status.blocked, BlockReason::interface_down);
  pair.operate(0, Verb::swap);
  EXPECT_FALSE(pair.last_reply().is_accepted);
  EXPECT_THAT(pair.last_reply().message, HasSubstr("no link"));
}

TEST(Failures, a_secondary_whose_process_is_gone_is_known_at_once) {
  CorePair pair;
  pair.start_both();
  pair.is_up[1] = false;
  pair.run_for(milliseconds{150});
  pair.tell(0, PeerProcessGone{PathId{0}});
  pair.run_for(milliseconds{1});
  EXPECT_EQ(pair.state(0), "ALONE Ready");
}

TEST(Failures, a_primary_whose_process_is_gone_is_not_replaced_before_its_guard_or_the_timeout_says_so) {
  CorePair pair;
  pair.start_both();
  pair.is_up[0] = false;
  pair.run_for(milliseconds{160});
  pair.tell(1, PeerProcessGone{PathId{0}});
  pair.run_for(milliseconds{300});
  EXPECT_EQ(pair.state(1), "SECOND Ready");
  pair.tell(1, PeerGuardReleased{pair.view(0).record.epoch});
  EXPECT_EQ(pair.view(1).state, ModuleState::alone);
}

TEST(Failures, an_agent_that_crashed_and_came_back_at_once_gives_the_service_away) {
  CorePair pair;
  pair.start_both();
  pair.restart_agent(0);
  EXPECT_TRUE(pair.disk[0].is_wanted);
  pair.operate(0, Verb::start);
  pair.run_for(seconds{3});
  EXPECT_EQ(pair.state(1), "PRIM Ready");
  EXPECT_EQ(pair.state(0), "SECOND Ready");
  EXPECT_EQ(pair.double_primary, Duration::zero());
}

TEST(Retries, are_due_at_whatever_happens_next) {
  Policy policy;
  const Instant start = Instant::from_nanoseconds(1'000'000'000);
  Cluster cluster{policy, DurableState{}, start};
  ActionList actions;
  cluster.step(start, OperatorRequest{RequestId{1}, Verb::start, false, {}, "administrator", false}, actions);
  const auto count_writes = [&actions] {
    return std::count_if(actions.begin(), actions.end(),
                         [](const Action& action) { return std::holds_alternative<PersistState>(action); });
  };
  ASSERT_EQ(count_writes(), 1);
  Token token;
  for (const Action& action : actions) {
    if (const auto* write = std::get_if<PersistState>(&action)) token = write->token;
  }
  cluster.step(start, ActionFinished{token, Outcome::failure, "no space left on device"}, actions);
  actions.clear();
  // Not the timer: with two nodes in step, frames come first at every pulse, and the timer of a past moment never does.
  cluster.step(start + std::chrono::milliseconds{1100}, LinkChanged{"eth9", true}, actions);
  EXPECT_EQ(count_writes(), 1);
}

TEST(LanWatch, a_recorded_word_of_a_newer_epoch_brings_no_primary_down) {
  CorePair pair;
  pair.start_both();
  pair.is_up[1] = false;
  pair.run_for(seconds{5});
  ASSERT_EQ(pair.state(0), "ALONE Ready");
  pair.tell(0, LanWordHeard{LanWord{5, 0xdead, Epoch{99}, false, true, false}});
  EXPECT_EQ(pair.state(0), "ALONE Ready");
}

}  // namespace
}  // namespace clusteragent::core
