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

}  // namespace
}  // namespace clusteragent::core
