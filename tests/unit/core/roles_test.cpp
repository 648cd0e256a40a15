// Who becomes primary, and when.
#include <gmock/gmock.h>

#include "tests/support/core_pair.hpp"

namespace clusteragent::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::CorePair;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Roles, both_started_at_once_become_one_primary_and_one_secondary) {
  CorePair pair;
  pair.start_both();
  EXPECT_EQ(pair.state(0), "PRIM Ready");
  EXPECT_EQ(pair.state(1), "SECOND Ready");
  EXPECT_EQ(pair.double_primary, Duration::zero());
}

TEST(Roles, one_started_alone_waits_for_the_timeout_and_then_serves) {
  CorePair pair;
  pair.is_up[1] = false;
  pair.operate(0, Verb::start);
  pair.run_for(milliseconds{900});
  EXPECT_EQ(pair.state(0), "WAIT Transient");
  pair.run_for(milliseconds{200});
  EXPECT_EQ(pair.state(0), "ALONE Ready");
  EXPECT_THAT(pair.view(0).reason, HasSubstr("primary"));
}

TEST(Roles, a_peer_in_STOP_needs_no_waiting_for) {
  CorePair pair;
  pair.run_for(milliseconds{300});
  pair.operate(0, Verb::start);
  pair.run_for(milliseconds{50});
  EXPECT_EQ(pair.state(0), "ALONE Ready");
}

TEST(Roles, a_returning_node_joins_as_secondary_and_the_application_is_not_touched) {
  CorePair pair;
  pair.start_both();
  pair.is_up[0] = false;
  pair.run_for(seconds{2});
  EXPECT_EQ(pair.state(1), "ALONE Ready");
  pair.forget_scripts();
  pair.restart_agent(0);
  pair.operate(0, Verb::start);
  pair.run_for(seconds{2});
  EXPECT_EQ(pair.state(1), "PRIM Ready");
  EXPECT_EQ(pair.state(0), "SECOND Ready");
  EXPECT_THAT(pair.scripts(1), ElementsAre("stop_sec", "transition"));
}

TEST(Roles, scripts_run_in_safekits_order_on_a_failover) {
  CorePair pair;
  pair.start_both();
  pair.forget_scripts();
  pair.is_up[0] = false;
  pair.run_for(seconds{2});
  EXPECT_THAT(pair.scripts(1), ElementsAre("stop_second", "transition", "start_prim"));
}

TEST(Roles, the_secondary_takes_over_no_earlier_than_the_timeout_and_no_later_than_a_pulse_after_it) {
  CorePair pair;
  pair.start_both();
  const Instant failure = pair.now();
  pair.is_up[0] = false;
  pair.run_for(milliseconds{890});
  EXPECT_EQ(pair.state(1), "SECOND Ready");
  pair.run_for(milliseconds{215});
  EXPECT_EQ(pair.state(1), "ALONE Ready") << to_milliseconds(pair.now() - failure);
  EXPECT_THAT(pair.notes(1), HasSubstr("Action alone called by heart: no heartbeat"));
}

TEST(Roles, epochs_grow_and_carry_the_node_that_took_them) {
  CorePair pair;
  pair.start_both();
  const Epoch first = pair.view(0).record.epoch;
  EXPECT_EQ(first.value() % 2, 0U);
  pair.operate(0, Verb::swap);
  pair.run_for(seconds{1});
  EXPECT_GT(pair.view(1).record.epoch, first);
  EXPECT_EQ(pair.view(1).record.epoch.value() % 2, 1U);
  EXPECT_EQ(pair.disk[0].record, pair.disk[1].record);
}

TEST(Roles, failover_off_leaves_the_secondary_waiting_with_its_reason) {
  CorePair pair{[](Policy& policy) { policy.failover = false; }};
  pair.start_both();
  EXPECT_EQ(pair.view(1).blocked, BlockReason::failover_off);
  pair.is_up[0] = false;
  pair.run_for(seconds{2});
  EXPECT_EQ(pair.state(1), "WAIT NotReady");
  EXPECT_EQ(pair.view(1).remedy, "clusteragent prim");
  pair.operate(1, Verb::prim);
  pair.run_for(seconds{1});
  EXPECT_EQ(pair.state(1), "ALONE Ready");
}

TEST(Roles, failover_off_lets_the_old_primary_come_back_as_primary) {
  CorePair pair{[](Policy& policy) { policy.failover = false; }};
  pair.start_both();
  pair.is_up[0] = false;
  pair.run_for(seconds{2});
  pair.restart_agent(0);
  pair.operate(0, Verb::start);
  pair.run_for(seconds{3});
  EXPECT_EQ(pair.state(0), "PRIM Ready");
  EXPECT_EQ(pair.state(1), "SECOND Ready");
}

TEST(Roles, defaultprim_moves_the_service_back_once_the_named_node_is_settled) {
  CorePair pair{[](Policy& policy) { policy.default_primary = NodeId{0}; }};
  pair.start_both();
  pair.is_up[0] = false;
  pair.run_for(seconds{2});
  pair.restart_agent(0);
  pair.operate(0, Verb::start);
  pair.run_for(milliseconds{900});
  EXPECT_EQ(pair.state(1), "PRIM Ready") << "not before it is settled";
  pair.run_for(seconds{2});
  EXPECT_EQ(pair.state(0), "PRIM Ready");
  EXPECT_EQ(pair.state(1), "SECOND Ready");
  EXPECT_EQ(pair.double_primary, Duration::zero());
}

TEST(Roles, a_node_outside_the_newest_sync_set_waits_for_the_other_or_for_force) {
  CorePair pair;
  pair.disk[1].record = Record{Epoch{6}, Revision{1}, NodeId{0}, NodeSet::only(NodeId{0})};
  pair.restart_agent(1);
  pair.is_up[0] = false;
  pair.operate(1, Verb::start);
  pair.run_for(seconds{3});
  EXPECT_EQ(pair.state(1), "WAIT NotReady");
  EXPECT_EQ(pair.view(1).blocked, BlockReason::not_up_to_date);
  pair.operate(1, Verb::prim);
  EXPECT_FALSE(pair.last_reply().is_accepted);
  EXPECT_THAT(pair.last_reply().message, HasSubstr("prim --force"));
  pair.operate(1, Verb::prim, true);
  pair.run_for(seconds{1});
  EXPECT_EQ(pair.state(1), "ALONE Ready");
  EXPECT_THAT(pair.notes(1), HasSubstr("DATA RISK"));
}

TEST(Roles, a_peer_of_another_protocol_version_is_neither_joined_nor_displaced) {
  CorePair pair;
  pair.is_up[1] = false;
  pair.operate(0, Verb::start);
  for (int beat = 0; beat < 30; ++beat) {
    pair.tell(0, PeerIncompatible{7, 9});
    pair.run_for(milliseconds{100});
  }
  EXPECT_EQ(pair.state(0), "WAIT NotReady");
  EXPECT_EQ(pair.view(0).blocked, BlockReason::peer_incompatible);
  EXPECT_THAT(pair.notes(0), HasSubstr("versions 7 to 9"));
  pair.run_for(seconds{3});
  EXPECT_EQ(pair.state(0), "ALONE Ready");
}

}  // namespace
}  // namespace clusteragent::core
