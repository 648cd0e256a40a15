// Goal: a peer's frame counts as its promise only when it can keep it. Method: the machine by itself, one frame, one
// condition taken away at a time.
#include <gtest/gtest.h>

#include "agent/core/machine.hpp"

namespace clusteragent::core {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t claimed_beat = 7;
const Instant begin = Instant::from_nanoseconds(1'000'000'000);

Policy policy() {
  Policy policy;
  policy.self = NodeId{0};
  policy.timeout = milliseconds{1000};
  policy.has_witness = true;
  policy.incarnation = Incarnation{10};
  return policy;
}

struct PeerPromise : testing::Test {
  PeerPromise() {
    machine.claims.push_back({claimed_beat, begin});
    PeerStatus peer;
    peer.node = NodeId{1};
    peer.incarnation = Incarnation{11};
    peer.heard_incarnation = machine.policy.incarnation;
    peer.heard_beat = claimed_beat;
    peer.state = ModuleState::second;
    machine.peer = peer;
    machine.now = begin + milliseconds{100};
  }
  bool counts() {
    take_peer_promise(machine);
    return machine.peer_promised_until.has_value();
  }
  Machine machine{policy(), DurableState{}, begin};
};

TEST_F(PeerPromise, counts_from_when_the_beat_was_sent_and_no_longer_than_a_permit) {
  ASSERT_TRUE(counts());
  EXPECT_EQ(*machine.peer_promised_until, begin + permit_lease(machine.policy));
}

TEST_F(PeerPromise, is_none_of_a_peer_that_seeks_the_role_itself) {
  machine.peer->is_candidate = true;  // the witness may give it the second vote at this moment
  EXPECT_FALSE(counts());
}

TEST_F(PeerPromise, is_none_of_a_primary) {
  for (const ModuleState state : {ModuleState::alone, ModuleState::prim}) {
    machine.peer->state = state;
    EXPECT_FALSE(counts());
  }
}

TEST_F(PeerPromise, is_none_while_its_kernel_may_answer_for_the_virtual_IP) {
  machine.peer->holds_vip = true;
  EXPECT_FALSE(counts());
}

TEST_F(PeerPromise, is_none_while_its_application_may_run) {
  machine.peer->runs_service = true;
  EXPECT_FALSE(counts());
}

TEST_F(PeerPromise, is_none_when_it_heard_a_former_life_of_this_agent) {
  machine.peer->heard_incarnation = Incarnation{9};
  EXPECT_FALSE(counts());
}

TEST_F(PeerPromise, is_none_for_a_beat_that_claimed_nothing) {
  machine.peer->heard_beat = claimed_beat - 1;
  EXPECT_FALSE(counts());
}

TEST_F(PeerPromise, never_gets_shorter) {
  machine.claims.push_back({claimed_beat + 1, begin + milliseconds{50}});
  machine.peer->heard_beat = claimed_beat + 1;
  ASSERT_TRUE(counts());
  machine.peer->heard_beat = claimed_beat;
  ASSERT_TRUE(counts());
  EXPECT_EQ(*machine.peer_promised_until, begin + milliseconds{50} + permit_lease(machine.policy));
}

TEST_F(PeerPromise, is_not_looked_for_without_a_witness) {
  machine.policy.has_witness = false;
  EXPECT_FALSE(counts());
}

}  // namespace
}  // namespace clusteragent::core
