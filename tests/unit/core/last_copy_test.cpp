// Goal: without a witness no node takes over on a copy of which the other one may have gone on without it. Method: two
// cores with mirrored data and no third voter, the provider's words said by hand; what one node was told is compared
// with what the other may still do.
#include <gtest/gtest.h>

#include "tests/support/core_pair.hpp"

namespace clusteragent::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::CorePair;

constexpr int A = 0;
constexpr int B = 1;

struct LastCopy : testing::Test {
  CorePair pair{[](Policy& policy) { policy.mirrors_data = true; }};

  void SetUp() override {
    pair.start_both();
    pair.operate(A, Verb::prim);
    pair.run_for(seconds{2});
    pair.tell(A, ProviderSynced{pair.disk[A].record.epoch});
    pair.run_for(seconds{1});
    ASSERT_EQ(pair.state(A), "PRIM Ready");
    ASSERT_EQ(pair.state(B), "SECOND Ready");
    ASSERT_EQ(pair.disk[B].record.sync_set, NodeSet::both());
  }
  /// The other node's engine is gone; the primary goes on alone after a timeout.
  void lose_the_copy() { pair.tell(A, ProviderBehind{pair.disk[A].record.epoch, "silence"}); }
  void start_again(int node) {
    pair.restart_agent(node);
    pair.operate(node, Verb::start, false, "automatic");
    pair.run_for(milliseconds{50});
  }
  /// What A said before B's present life began, late.
  PeerStatus old_frame_of_primary() const {
    PeerStatus status;
    status.node = NodeId{A};
    status.incarnation = Incarnation{10};
    status.beat = 1000;
    status.heard_incarnation = Incarnation{11};
    status.heard_beat = 100;
    status.state = ModuleState::prim;
    status.activity = Activity::ready;
    status.record = pair.disk[B].record;
    status.holds_vip = status.runs_service = true;
    return status;
  }
};

TEST_F(LastCopy, a_node_that_starts_again_is_not_freed_by_what_its_former_life_was_told) {
  pair.is_up[B] = false;
  lose_the_copy();
  pair.run_for(seconds{2});
  ASSERT_TRUE(pair.may_go_solo[A]);
  pair.is_up[A] = false;
  start_again(B);
  pair.tell(B, FrameReceived{PathId{0}, old_frame_of_primary()});
  pair.run_for(seconds{4});
  EXPECT_EQ(pair.state(B), "WAIT NotReady") << "it lacks what A acknowledged alone";
  EXPECT_FALSE(pair.kernel_has_vip[B]);
}

TEST_F(LastCopy, is_with_both_again_when_a_new_primary_could_not_begin) {
  pair.lead_fails_untouched[B] = true;
  pair.operate(A, Verb::swap);
  pair.run_for(seconds{2});
  EXPECT_EQ(pair.state(A), "PRIM Ready");
}

TEST_F(LastCopy, is_with_a_new_primary_that_failed_after_it_could_be_written_to) {
  pair.lead_fails_untouched[B] = false;
  pair.operate(A, Verb::swap);
  pair.run_for(milliseconds{100});
  EXPECT_EQ(pair.disk[B].record.sync_set, NodeSet::only(NodeId{B}));
  pair.is_up[B] = false;
  pair.run_for(seconds{5});
  EXPECT_FALSE(pair.kernel_has_vip[A]) << "it may lack what B acknowledged";
}

TEST_F(LastCopy, stays_where_it_was_when_a_primary_alone_cannot_begin) {
  pair.is_up[B] = false;
  lose_the_copy();
  pair.run_for(seconds{2});
  ASSERT_EQ(pair.disk[A].record.sync_set, NodeSet::only(NodeId{A}));
  pair.lead_fails_untouched[A] = true;
  pair.operate(A, Verb::stopstart);
  pair.run_for(seconds{2});
  EXPECT_EQ(pair.disk[A].record.sync_set, NodeSet::only(NodeId{A}));
}

TEST_F(LastCopy, a_node_that_starts_again_takes_over_once_the_primary_has_heard_it) {
  pair.is_up[B] = false;
  start_again(B);
  pair.run_for(milliseconds{300});
  ASSERT_EQ(pair.state(B), "SECOND Ready");
  pair.is_up[A] = false;
  pair.run_for(seconds{3});
  EXPECT_EQ(pair.state(B), "ALONE Ready") << "A had acknowledged nothing alone";
}

TEST_F(LastCopy, writes_wait_until_a_living_secondary_knows_that_it_is_out_of_date) {
  lose_the_copy();
  pair.run_for(milliseconds{950});
  pair.hears[B] = false;  // the words by which it would learn it are lost
  pair.run_for(milliseconds{150});
  ASSERT_TRUE(pair.disk[A].proposal) << "the record is wanted, and on the disk";
  ASSERT_EQ(pair.disk[B].record.sync_set, NodeSet::both()) << "B would take over now";
  EXPECT_FALSE(pair.may_go_solo[A]);
  EXPECT_EQ(pair.disk[A].record.sync_set, NodeSet::both());
  pair.hears[B] = true;
  pair.run_for(milliseconds{250});
  EXPECT_EQ(pair.disk[B].record.sync_set, NodeSet::only(NodeId{A}));
  EXPECT_TRUE(pair.may_go_solo[A]);
}

TEST_F(LastCopy, of_a_secondary_that_knows_and_of_its_next_life_nothing_is_to_be_feared) {
  lose_the_copy();
  pair.disk_hangs[B] = true;
  pair.run_for(milliseconds{1400});
  ASSERT_TRUE(pair.may_go_solo[A]);
  ASSERT_EQ(pair.disk[B].record.sync_set, NodeSet::both()) << "it has heard, and not written down";
  pair.is_up[A] = false;
  pair.disk_hangs[B] = false;
  start_again(B);
  pair.run_for(seconds{4});
  EXPECT_EQ(pair.state(B), "WAIT NotReady");
}

TEST_F(LastCopy, writes_do_not_wait_for_a_secondary_whose_agent_is_gone) {
  pair.is_up[B] = false;
  lose_the_copy();
  pair.run_for(milliseconds{200});
  pair.tell(A, PeerProcessGone{PathId{0}});
  pair.run_for(milliseconds{100});
  EXPECT_TRUE(pair.may_go_solo[A]);
}

TEST_F(LastCopy, writes_do_not_wait_for_the_disk_of_the_secondary) {
  pair.disk_hangs[B] = true;
  lose_the_copy();
  pair.run_for(milliseconds{1400});
  EXPECT_EQ(pair.disk[B].record.sync_set, NodeSet::both());
  EXPECT_TRUE(pair.may_go_solo[A]) << "B has heard it, and asks if it forgets it in a restart";
}

TEST_F(LastCopy, writes_do_not_wait_for_ever_for_a_node_that_is_deaf) {
  pair.operate(B, Verb::stop);
  pair.run_for(milliseconds{200});
  lose_the_copy();
  pair.hears[B] = false;
  pair.run_for(seconds{3});
  EXPECT_TRUE(pair.may_go_solo[A]);
}

TEST_F(LastCopy, what_a_tenure_gave_up_is_no_record_on_the_way_to_the_next_one) {
  pair.disk_hangs[A] = pair.disk_hangs[B] = true;
  lose_the_copy();
  pair.run_for(milliseconds{1050});
  pair.operate(A, Verb::swap);
  pair.run_for(milliseconds{300});
  ASSERT_EQ(pair.state(A), "SECOND Ready") << "it follows B, whose epoch is not on a disk yet";
  pair.is_up[B] = false;
  pair.run_for(milliseconds{1200});
  ASSERT_EQ(pair.state(A), "ALONE Transient") << "it waits for its disk";
  pair.end_hanging_writes(A);
  pair.run_for(milliseconds{100});
  ASSERT_TRUE(pair.disk[A].proposal) << "the wish to go on alone, written late";
  EXPECT_EQ(pair.view(A).record.sync_set, NodeSet::both()) << "B may have gone on since";
}

}  // namespace
}  // namespace clusteragent::core
