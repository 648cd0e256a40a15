#include "agent/core/voter.hpp"

#include <gtest/gtest.h>

namespace clusteragent::core {
namespace {

using std::chrono::seconds;

constexpr NodeId a{0};
constexpr NodeId b{1};
constexpr Duration lease = seconds{10};

// Epochs of a are even, those of b odd.
Record tenure(std::uint64_t epoch, NodeSet sync_set = NodeSet::both(), std::uint64_t revision = 0) {
  return {Epoch{epoch}, Revision{revision}, NodeId{static_cast<std::uint8_t>(epoch & 1U)}, sync_set};
}
WitnessRequest vote(std::uint64_t epoch, NodeSet sync_set = NodeSet::both()) {
  const Record proposed = tenure(epoch, sync_set);
  return {WitnessVerb::vote, proposed.holder, proposed, lease, false};
}
WitnessRequest renew(const Record& held) {
  return {WitnessVerb::renew, held.holder, held, lease, false};
}
WitnessRequest query(NodeId from) {
  return {WitnessVerb::query, from, Record{}, lease, false};
}
WitnessRequest release(NodeId from) {
  return {WitnessVerb::release, from, Record{}, Duration{}, false};
}

class VoterTest : public testing::Test {
 protected:
  Refusal ask(const WitnessRequest& request) {
    last = voter.decide(now, request);
    EXPECT_EQ(last.answer.is_granted, last.answer.refusal == Refusal::none);
    EXPECT_EQ(last.answer.record, voter.state().record);
    return last.answer.refusal;
  }
  Instant now = Instant::from_nanoseconds(1'000'000'000'000);
  Voter voter{VoterState{}};
  Voter::Decision last;
};

TEST_F(VoterTest, gives_its_first_vote_and_remembers_it) {
  EXPECT_EQ(ask(vote(2)), Refusal::none);
  EXPECT_TRUE(last.must_store);
  EXPECT_EQ(voter.state(), (VoterState{tenure(2), Epoch{2}, a, lease}));
  EXPECT_EQ(voter.promise(), (Promise{a, now + lease}));
}

TEST_F(VoterTest, gives_one_vote_an_epoch) {
  ASSERT_EQ(ask(vote(3)), Refusal::none);
  now = now + lease;
  WitnessRequest same_epoch = vote(3);
  same_epoch.from = same_epoch.record.holder = a;
  EXPECT_EQ(ask(same_epoch), Refusal::voted);
  EXPECT_EQ(ask(vote(2)), Refusal::voted) << "nor one of an earlier epoch";
  EXPECT_FALSE(last.must_store);
}

TEST_F(VoterTest, repeats_a_vote_whose_answer_was_lost) {
  ASSERT_EQ(ask(vote(2)), Refusal::none);
  now = now + seconds{1};
  EXPECT_EQ(ask(vote(2)), Refusal::none);
  EXPECT_FALSE(last.must_store);
  EXPECT_EQ(voter.promise()->until, now + lease);
}

TEST_F(VoterTest, votes_for_nobody_else_while_a_promise_lives) {
  ASSERT_EQ(ask(vote(2)), Refusal::none);
  now = now + seconds{4};
  EXPECT_EQ(ask(vote(3)), Refusal::promised);
  EXPECT_EQ(last.answer.retry_after, lease - seconds{4});
  EXPECT_EQ(ask(query(b)), Refusal::promised);
  EXPECT_EQ(ask(renew(tenure(3))), Refusal::promised);
  now = now + seconds{6} - Duration{1};
  EXPECT_EQ(ask(vote(3)), Refusal::promised);
  now = now + Duration{1};
  EXPECT_EQ(ask(vote(3)), Refusal::none);
  EXPECT_EQ(voter.promise()->holder, b);
}

TEST_F(VoterTest, keeps_a_promise_alive_by_renewals_that_need_no_disk) {
  ASSERT_EQ(ask(vote(2)), Refusal::none);
  for (int second = 0; second < 30; second += 5) {
    now = now + seconds{5};
    EXPECT_EQ(ask(renew(tenure(2))), Refusal::none);
    EXPECT_FALSE(last.must_store);
    EXPECT_EQ(ask(vote(3)), Refusal::promised);
  }
}

TEST_F(VoterTest, learns_from_a_renewal_what_the_nodes_agreed_on_without_it) {
  EXPECT_EQ(ask(renew(tenure(4, NodeSet::only(a), 2))), Refusal::none);
  EXPECT_TRUE(last.must_store);
  EXPECT_EQ(voter.state(), (VoterState{tenure(4, NodeSet::only(a), 2), Epoch{4}, a, lease}));
  now = now + lease;
  EXPECT_EQ(ask(vote(3)), Refusal::voted) << "an epoch before it";
}

TEST_F(VoterTest, tells_who_was_replaced_what_it_knows) {
  ASSERT_EQ(ask(vote(2)), Refusal::none);
  now = now + lease;
  ASSERT_EQ(ask(vote(3)), Refusal::none);
  EXPECT_EQ(ask(renew(tenure(2))), Refusal::outdated);
  EXPECT_EQ(last.answer.record, tenure(3));
  EXPECT_FALSE(last.must_store);
  EXPECT_EQ(voter.promise()->holder, b);
}

TEST_F(VoterTest, renews_nothing_for_who_does_not_hold_the_record) {
  WitnessRequest other = renew(tenure(2));
  other.from = b;
  EXPECT_EQ(ask(other), Refusal::outdated);
  WitnessRequest for_another = vote(2);
  for_another.from = b;
  EXPECT_EQ(ask(for_another), Refusal::outdated);
  EXPECT_EQ(voter.state(), VoterState{});
}

TEST_F(VoterTest, refuses_an_older_revision) {
  ASSERT_EQ(ask(renew(tenure(2, NodeSet::only(a), 1))), Refusal::none);
  EXPECT_EQ(ask(renew(tenure(2, NodeSet::both(), 0))), Refusal::outdated);
  EXPECT_EQ(voter.state().record, tenure(2, NodeSet::only(a), 1));
}

TEST_F(VoterTest, keeps_out_who_lacks_writes_unless_forced) {
  ASSERT_EQ(ask(vote(2, NodeSet::only(a))), Refusal::none);
  now = now + lease;
  EXPECT_EQ(ask(query(b)), Refusal::outside_sync_set);
  EXPECT_EQ(ask(vote(3, NodeSet::only(b))), Refusal::outside_sync_set);
  WitnessRequest forced = vote(3, NodeSet::only(b));
  forced.is_forced = true;
  EXPECT_EQ(ask(forced), Refusal::none);
  EXPECT_EQ(voter.state().record, tenure(3, NodeSet::only(b)));
}

TEST_F(VoterTest, breaks_no_promise_even_when_forced) {
  ASSERT_EQ(ask(vote(2)), Refusal::none);
  WitnessRequest forced = vote(3);
  forced.is_forced = true;
  EXPECT_EQ(ask(forced), Refusal::promised);
}

TEST_F(VoterTest, takes_a_promise_back_from_its_holder_only) {
  ASSERT_EQ(ask(vote(2)), Refusal::none);
  EXPECT_EQ(ask(release(b)), Refusal::none);
  EXPECT_TRUE(voter.promise());
  EXPECT_EQ(ask(release(a)), Refusal::none);
  EXPECT_FALSE(voter.promise());
  EXPECT_FALSE(last.must_store);
  EXPECT_EQ(ask(vote(3)), Refusal::none) << "without waiting for the lease";
}

TEST_F(VoterTest, that_is_asked_changes_nothing) {
  ASSERT_EQ(ask(vote(2)), Refusal::none);
  const VoterState state = voter.state();
  const auto promise = voter.promise();
  now = now + seconds{1};
  EXPECT_EQ(ask(query(a)), Refusal::none);
  EXPECT_EQ(ask(query(b)), Refusal::promised);
  EXPECT_FALSE(last.must_store);
  EXPECT_EQ(voter.state(), state);
  EXPECT_EQ(voter.promise(), promise);
}

TEST_F(VoterTest, of_a_rebooted_machine_is_silent_for_the_longest_lease) {
  ASSERT_EQ(ask(vote(2)), Refusal::none);
  voter = Voter{voter.state(), {}, now + voter.state().lease_max};
  EXPECT_EQ(ask(vote(3)), Refusal::rebooted);
  EXPECT_EQ(last.answer.retry_after, lease);
  EXPECT_EQ(ask(renew(tenure(2))), Refusal::rebooted) << "not even for the holder";
  EXPECT_EQ(ask(query(a)), Refusal::rebooted);
  now = now + lease;
  EXPECT_EQ(ask(vote(3)), Refusal::none);
}

TEST_F(VoterTest, keeps_votes_and_promise_over_a_restart_of_the_process) {
  ASSERT_EQ(ask(vote(2)), Refusal::none);
  voter = Voter{voter.state(), voter.promise()};
  EXPECT_EQ(ask(vote(3)), Refusal::promised);
  EXPECT_EQ(ask(renew(tenure(2))), Refusal::none);
}

TEST_F(VoterTest, remembers_the_longest_lease) {
  ASSERT_EQ(ask(vote(2)), Refusal::none);
  WitnessRequest longer = renew(tenure(2));
  longer.lease = 3 * lease;
  ASSERT_EQ(ask(longer), Refusal::none);
  EXPECT_TRUE(last.must_store);
  ASSERT_EQ(ask(renew(tenure(2))), Refusal::none);
  EXPECT_FALSE(last.must_store);
  EXPECT_EQ(voter.state().lease_max, 3 * lease);
}

}  // namespace
}  // namespace clusteragent::core
