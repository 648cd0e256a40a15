// Goal: a proposal that the other node still carries holds this one back only where it may have been led on. Method:
// the machine by itself, listening, with data of its own and a peer that is heard; one condition changed at a time.
#include <gtest/gtest.h>

#include "agent/core/machine.hpp"

namespace clusteragent::core {
namespace {

using std::chrono::milliseconds;

const Instant begin = Instant::from_nanoseconds(1'000'000'000);
constexpr NodeId self{0};
constexpr NodeId other_node{1};

Policy policy() {
  Policy policy;
  policy.self = self;
  policy.timeout = milliseconds{1000};
  policy.has_witness = true;
  policy.mirrors_data = true;
  policy.incarnation = Incarnation{10};
  return policy;
}

struct Candidacy : testing::Test {
  Candidacy() {
    // What A said while it let go of the role was taken by the witness; B, on its way to the role, died before its
    // vote.
    machine.desired.record = machine.durable.record = Record{Epoch{10}, Revision{6}, self, NodeSet::only(self)};
    machine.phase = Phase::electing;
    PeerStatus peer;
    peer.node = other_node;
    peer.incarnation = Incarnation{11};
    peer.state = ModuleState::wait;
    peer.record = machine.durable.record;
    peer.proposal = Record{Epoch{11}, Revision{0}, other_node, NodeSet::only(other_node)};
    machine.peer = peer;
    machine.now = machine.peer_heard_at = begin + milliseconds{100};
  }
  bool leads() {
    update_candidacy(machine);
    return machine.is_candidate;
  }
  Machine machine{policy(), DurableState{}, begin};
};

TEST_F(Candidacy, is_not_held_back_by_a_proposal_that_no_voter_can_have_taken) {
  EXPECT_TRUE(leads());
}

TEST_F(Candidacy, is_held_back_by_a_proposal_that_the_witness_may_have_taken) {
  machine.desired.record.sync_set = machine.durable.record.sync_set = NodeSet::both();
  EXPECT_FALSE(leads());
}

TEST_F(Candidacy, is_held_back_without_a_witness_where_the_proposer_needs_no_voter) {
  machine.policy.has_witness = false;
  EXPECT_FALSE(leads());
}

struct GivenUp : Candidacy {
  GivenUp() {
    // The peer leads with the number before; what this node wished, its disk was slow to write.
    machine.policy.has_witness = false;
    machine.phase = Phase::second;
    machine.desired.proposal = machine.durable.proposal = Record{Epoch{12}, Revision{0}, self, NodeSet::only(self)};
    machine.out = &actions;
  }
  bool is_kept() {
    update_sync_set(machine);
    return machine.desired.proposal.has_value();
  }
  std::vector<Action> actions;
};

TEST_F(GivenUp, what_this_life_never_led_on_is_not_left_to_the_next_one) {
  EXPECT_FALSE(is_kept());
  EXPECT_EQ(machine.epoch_floor, Epoch{12}) << "its number may have been heard";
}

TEST_F(GivenUp, what_is_being_taken_off_the_disk_is_not_told_as_a_record) {
  ASSERT_FALSE(is_kept());
  machine.desired.record = *machine.durable.proposal;  // the peer had voted for it
  EXPECT_EQ(record_on_disk(machine).epoch, Epoch{10});
}

TEST_F(GivenUp, what_a_former_life_may_have_led_on_is_kept) {
  machine.sync.is_proposal_inherited = true;
  EXPECT_TRUE(is_kept());
}

TEST_F(GivenUp, what_the_witness_may_still_take_is_kept) {
  machine.policy.has_witness = true;
  EXPECT_TRUE(is_kept());
}

TEST_F(GivenUp, what_lets_the_peer_go_on_is_kept) {
  machine.desired.proposal = machine.durable.proposal = Record{Epoch{10}, Revision{7}, self, NodeSet::both()};
  EXPECT_TRUE(is_kept());
}

}  // namespace
}  // namespace clusteragent::core
