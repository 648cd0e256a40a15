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

TEST_F(LastCopy, a_node_that_starts_again_takes_over_once_the_primary_has_heard_it) {
  pair.is_up[B] = false;
  start_again(B);
  pair.run_for(milliseconds{300});
  ASSERT_EQ(pair.state(B), "SECOND Ready");
  pair.is_up[A] = false;
  pair.run_for(seconds{3});
  EXPECT_EQ(pair.state(B), "ALONE Ready") << "A had acknowledged nothing alone";
}

}  // namespace
}  // namespace clusteragent::core
