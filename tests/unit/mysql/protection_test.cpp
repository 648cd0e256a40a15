#include "modules/mysql_replication/engine/plan/protection.hpp"

#include <gmock/gmock.h>

#include "tests/unit/mysql/situations.hpp"

namespace clusteragent::mysql {
namespace {

using testing::HasSubstr;
using namespace testing_support;

class Primary : public testing::Test {
 protected:
  Primary() {
    own.state.is_read_only = false;
    own.state.semi_sync->replicas = 1;
    replicate(peer, own_endpoint, "0-1-10");
    peer.state.is_vouched = true;
  }
  /// A tick: this server, then the other one, then this one again with what was turned on or off.
  Protection::Outcome tick() {
    own.look = ++looks;
    peer.look = ++looks;
    const auto outcome = protection.look(own, peer, own_endpoint, is_patient);
    own.state.semi_sync->is_enabled = own.state.semi_sync->is_on = protection.wants_semi_sync();
    return outcome;
  }
  void reach(Mode mode) {
    for (int at = 0; at < 10 && protection.mode() != mode; ++at) tick();
    ASSERT_EQ(mode, protection.mode());
  }

  Protection protection{true};
  View own = server(1, "0-1-10", 0);
  View peer = server(2, "0-1-10", 0);
  LookNumber looks = 0;
  bool is_patient = false;
};

TEST_F(Primary, does_not_count_on_a_standby_in_whose_place_another_one_acknowledges) {
  peer.state.acknowledges = true;
  reach(Mode::both);
  // One replica acknowledges, as before.
  peer.state.acknowledges = false;
  EXPECT_THAT(tick().behind.value_or(""), HasSubstr("does not acknowledge"));
  EXPECT_EQ(Mode::waiting, protection.mode());
}

TEST_F(Primary, says_synced_when_commits_wait_and_the_standby_has_the_earlier_ones) {
  EXPECT_FALSE(protection.wants_semi_sync());
  reach(Mode::joining);
  own.state.executed = gtids("0-1-11");
  EXPECT_FALSE(tick().is_synced);
  EXPECT_FALSE(tick().is_synced);
  peer.state.replica.received = gtids("0-1-11");
  EXPECT_TRUE(tick().is_synced);
  EXPECT_FALSE(tick().is_synced);
  EXPECT_EQ(Mode::both, protection.mode());
}

TEST_F(Primary, does_not_say_synced_before_the_standby_has_its_completeness_on_record) {
  peer.state.is_vouched = false;
  reach(Mode::joining);
  for (int turn = 0; turn < 5; ++turn) EXPECT_FALSE(tick().is_synced) << "it would not lead, and nobody else could";
  peer.state.is_vouched = true;
  EXPECT_TRUE(tick().is_synced);
}

TEST_F(Primary, keeps_counting_on_a_standby_whose_engine_is_started_again) {
  reach(Mode::both);
  peer.state.is_vouched = false;
  EXPECT_FALSE(tick().behind);
  EXPECT_EQ(Mode::both, protection.mode());
}

TEST_F(Primary, lets_no_commit_wait_for_a_standby_that_is_far_behind) {
  own.state.executed = gtids("0-1-99");
  for (int at = 0; at < 20; ++at) tick();
  EXPECT_EQ(Mode::solo, protection.mode());
  peer.state.replica.received = gtids("0-1-99");
  tick();
  EXPECT_EQ(Mode::solo, protection.mode());
  tick();
  EXPECT_EQ(Mode::joining, protection.mode());
}

TEST_F(Primary, commits_wait_from_the_loss_until_it_is_on_record) {
  reach(Mode::both);
  peer.is_reachable = false;
  peer.problem = "gone";
  const auto outcome = tick();
  ASSERT_TRUE(outcome.behind);
  EXPECT_THAT(*outcome.behind, HasSubstr("gone"));
  EXPECT_TRUE(protection.wants_semi_sync());
  EXPECT_FALSE(tick().behind);
  protection.allow_solo();
  EXPECT_FALSE(protection.wants_semi_sync());
}

TEST_F(Primary, knows_a_loss_by_each_of_its_signs) {
  const auto is_lost = [this](const std::function<void()>& happen) {
    reach(Mode::both);
    const View before_own = own;
    const View before_peer = peer;
    happen();
    const bool is_behind = tick().behind.has_value();
    const auto semi_sync = own.state.semi_sync;
    own = before_own;
    peer = before_peer;
    own.state.semi_sync = semi_sync;
    own.state.semi_sync->replicas = 1;
    protection.allow_solo();
    return is_behind;
  };
  EXPECT_TRUE(is_lost([this] { own.state.semi_sync->replicas = 0; }));
  EXPECT_TRUE(is_lost([this] { own.state.semi_sync->replicas = 2; }));
  EXPECT_TRUE(is_lost([this] { own.state.semi_sync->is_on = false; }));
  EXPECT_TRUE(is_lost([this] { peer.state.replica.applier_errno = 1062; }));
  EXPECT_TRUE(is_lost([this] { peer.state.replica.receiver = ReplicaThread::connecting; }));
  EXPECT_TRUE(is_lost([this] { peer.state.replica.source_address = "10.0.0.9"; }));
  EXPECT_TRUE(is_lost([this] { own.is_reachable = false; }));
}

TEST_F(Primary, an_allow_solo_that_comes_late_changes_nothing) {
  reach(Mode::both);
  protection.allow_solo();
  EXPECT_EQ(Mode::both, protection.mode());
}

TEST_F(Primary, a_standby_lost_while_it_joins_was_never_promised) {
  reach(Mode::joining);
  peer.is_reachable = false;
  EXPECT_FALSE(tick().behind);
  EXPECT_EQ(Mode::solo, protection.mode());
}

TEST_F(Primary, that_begins_with_both_waits_for_the_standby_a_moment) {
  protection = Protection{false};
  EXPECT_TRUE(protection.wants_semi_sync());
  peer.is_reachable = false;
  is_patient = true;
  EXPECT_FALSE(tick().behind);
  is_patient = false;
  EXPECT_TRUE(tick().behind);
}

TEST_F(Primary, that_begins_with_both_counts_a_standby_that_comes_in_time) {
  protection = Protection{false};
  is_patient = true;
  tick();
  EXPECT_TRUE(tick().is_synced);
  EXPECT_EQ(Mode::both, protection.mode());
}

TEST_F(Primary, does_not_take_the_answer_to_one_loss_for_that_to_the_next) {
  reach(Mode::both);
  peer.is_reachable = false;
  ASSERT_TRUE(tick().behind);
  peer.is_reachable = true;
  for (int turn = 0; turn < 5; ++turn) EXPECT_FALSE(tick().is_synced) << "the core still widens what it narrows";
  EXPECT_TRUE(protection.wants_semi_sync());
  protection.allow_solo();
  EXPECT_EQ(Mode::solo, protection.mode());
  EXPECT_FALSE(protection.wants_semi_sync());
}

TEST_F(Primary, without_semi_sync_goes_by_the_positions) {
  own.state.semi_sync.reset();
  own.look = 1, peer.look = 2;
  protection.look(own, peer, own_endpoint, false);
  own.look = 3, peer.look = 4;
  protection.look(own, peer, own_endpoint, false);
  own.look = 5, peer.look = 6;
  protection.look(own, peer, own_endpoint, false);
  EXPECT_EQ(Mode::both, protection.mode());
}

}  // namespace
}  // namespace clusteragent::mysql
