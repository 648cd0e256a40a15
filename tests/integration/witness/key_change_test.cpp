// The witness while a cluster key is being changed: whoever signs with an accepted key finds the same voter.
#include <gmock/gmock.h>

#include <fstream>

#include "tests/integration/witness/witness_fixture.hpp"

namespace clusteragent::testing {
namespace {

using core::Refusal;

class WitnessKeyChange : public WitnessTest {
 protected:
  Asker asker_with(const wire::Key& key, NodeId self, std::uint64_t life = 1) {
    return {lan.a, io, {address, port, key, "demo", self, Incarnation{10 * life + self.value()}}};
  }
  void set(wire::KeyRing ring) {
    keys[0].ring = std::move(ring);
    ASSERT_TRUE(server->set_keys(keys));
  }
  std::string votes_file(const wire::Key& key) const { return state_dir() + "/" + wire::key_id_text(key) + ".votes"; }

  const wire::Key first{7};
  const wire::Key second{8};
  const wire::PreviousKey previous{first, platform::unix_seconds() + 3600};
};

// Were votes kept by key, each node could be voted for under its own, and both lead.
TEST_F(WitnessKeyChange, gives_one_vote_an_epoch_whatever_key_it_is_asked_under) {
  Asker a = asker_with(first, node_a);
  Asker b = asker_with(second, node_b);
  ASSERT_EQ(refusal_of(a, vote(2)), Refusal::none);
  set({first, second, {}});
  EXPECT_EQ(refusal_of(b, vote(3)), Refusal::promised);
  a.client->set_keys({second, first});
  EXPECT_EQ(refusal_of(a, renew(2)), Refusal::none) << "the same life under the next key needs no proof anew";
  EXPECT_EQ(counters().unproven, 2U) << "one for each life";
  set({second, {}, previous});
  EXPECT_EQ(refusal_of(b, vote(3)), Refusal::promised);
  set({second, {}, {}});
  EXPECT_EQ(refusal_of(b, vote(3)), Refusal::promised);
  EXPECT_EQ(status().clusters.at(0).votes_key, wire::key_id(first));
}

TEST_F(WitnessKeyChange, finds_the_votes_again_when_only_the_new_key_is_left) {
  Asker a = asker_with(first, node_a);
  ASSERT_EQ(refusal_of(a, vote(2)), Refusal::none);
  set({first, second, {}});
  set({second, {}, {}});
  start();
  EXPECT_EQ(module().state.voted_epoch, Epoch{2});
  Asker b = asker_with(second, node_b);
  EXPECT_EQ(refusal_of(b, vote(3)), Refusal::promised);
  boot = "second boot";
  start();
  EXPECT_EQ(refusal_of(b, vote(3)), Refusal::rebooted) << "silence after a reboot goes with the votes";
}

TEST_F(WitnessKeyChange, learns_of_a_change_that_was_made_behind_its_back) {
  Asker a = asker_with(first, node_a);
  ASSERT_EQ(refusal_of(a, vote(2)), Refusal::none);
  set({second, {}, previous});  // activated before the witness ever read the next key
  Asker b = asker_with(second, node_b);
  EXPECT_EQ(refusal_of(b, vote(3)), Refusal::promised);
}

TEST_F(WitnessKeyChange, serves_no_key_that_leads_to_the_votes_of_two_clusters) {
  keys.push_back({"other.key", {second, {}, {}}});
  ASSERT_TRUE(server->set_keys(keys));
  Asker a = asker_with(first, node_a);
  Asker other = asker_with(second, node_a);
  ASSERT_EQ(refusal_of(a, vote(2)), Refusal::none);
  ASSERT_EQ(refusal_of(other, vote(2)), Refusal::none);
  keys.pop_back();
  set({first, second, {}});
  EXPECT_TRUE(status().clusters.empty());
}

TEST_F(WitnessKeyChange, answers_no_key_whose_time_is_over) {
  Asker a = asker_with(first, node_a);
  ASSERT_EQ(refusal_of(a, vote(2)), Refusal::none);
  set({second, {}, wire::PreviousKey{first, platform::unix_seconds() + 2}});
  EXPECT_EQ(refusal_of(a, renew(2)), Refusal::none);
  ASSERT_TRUE(until([&] { return platform::unix_seconds() > keys[0].ring.previous->until; }));
  const std::uint64_t answered = a.answers.size();
  a.ask(renew(2));
  EXPECT_TRUE(until([&] { return counters().foreign_key == 1; }));
  EXPECT_EQ(a.answers.size(), answered);
}

TEST_F(WitnessKeyChange, serves_nobody_rather_than_with_votes_that_may_be_others) {
  Asker a = asker_with(first, node_a);
  ASSERT_EQ(refusal_of(a, vote(2)), Refusal::none);
  set({first, second, {}});
  std::ofstream{votes_file(second)} << "clusteragent-witness-votes 1\n";
  set({second, {}, {}});
  EXPECT_TRUE(status().clusters.empty());
}

}  // namespace
}  // namespace clusteragent::testing
