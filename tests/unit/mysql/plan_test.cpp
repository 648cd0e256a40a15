#include "modules/mysql_replication/engine/plan/plan.hpp"

#include <gmock/gmock.h>

#include "tests/unit/mysql/situations.hpp"

namespace clusteragent::mysql {
namespace {

using testing::HasSubstr;
using namespace testing_support;

class Planner : public testing::Test {
 protected:
  Planner() {
    now.own = server(1, "0-1-10", 5);
    now.peer = server(2, "0-1-10", 6);
    now.peer.state.is_read_only = false;
    now.peer.purged = Gtids{};
    now.peer_endpoint = peer_endpoint;
    now.certainty_path = "/state/following";
  }
  void want(Role role) { now.wish.role = role; }
  /// It followed, and had everything.
  void following(const std::string& received) {
    replicate(now.own, peer_endpoint, received);
    now.following = {true, true, now.own.state.started_at, 1};
    now.own.state.is_vouched = true;
  }
  Step step() const {
    const Plan plan = next_step(now);
    EXPECT_EQ(Verdict::step, plan.verdict) << plan.reason;
    return plan.step;
  }
  Verdict verdict() const { return next_step(now).verdict; }
  std::string reason() const { return next_step(now).reason; }
  ServerState& own() { return now.own.state; }

  Situation now;
};

TEST_F(Planner, waits_for_a_server_that_is_not_there) {
  now.own.is_reachable = false;
  for (const Role role : {Role::none, Role::primary, Role::standby}) {
    want(role);
    EXPECT_EQ(Verdict::wait, verdict());
  }
}

TEST_F(Planner, without_a_role_makes_it_read_only) {
  EXPECT_EQ(Verdict::done, verdict());
  own().is_read_only = false;
  EXPECT_EQ(Step::fence, step());
}

TEST_F(Planner, does_not_answer_waiting_commits_when_it_lets_go) {
  own().semi_sync->is_enabled = true;
  own().semi_sync->commits_waiting = 2;
  EXPECT_EQ(Step::fence, step());
  own().semi_sync->commits_waiting = 0;
  EXPECT_EQ(Step::semi_sync_off, step());
}

TEST_F(Planner, promotes_in_this_order) {
  want(Role::primary);
  following("0-1-12");
  EXPECT_EQ(Step::stop_receiver, step());
  own().replica.receiver = ReplicaThread::stopped;
  EXPECT_EQ(Verdict::wait, verdict());
  own().applied = own().executed = gtids("0-1-12");
  EXPECT_EQ(Step::forget_source, step());
  own().replica = {};
  EXPECT_EQ(Step::make_writable, step());
  own().is_read_only = false;
  EXPECT_EQ(Verdict::done, verdict());
}

TEST_F(Planner, lets_commits_wait_before_it_is_writable) {
  want(Role::primary);
  now.wish.wants_semi_sync = true;
  EXPECT_EQ(Step::semi_sync_on, step());
  own().semi_sync->is_enabled = true;
  EXPECT_EQ(Step::make_writable, step());
  own().semi_sync->weakness = "rpl_semi_sync_master_timeout = 1000";
  EXPECT_EQ(Step::semi_sync_on, step());
  own().is_read_only = false;
  EXPECT_EQ(Step::semi_sync_on, step()) << "and at any time later";
  now.wish.wants_semi_sync = false;
  EXPECT_EQ(Step::semi_sync_off, step());
  now.wish.wants_semi_sync = true;
  own().is_read_only = true;
  own().semi_sync.reset();
  EXPECT_EQ(Step::make_writable, step());
}

TEST_F(Planner, gives_up_a_drain_that_takes_too_long) {
  want(Role::primary);
  following("0-1-12");
  own().replica.receiver = ReplicaThread::stopped;
  now.is_drain_over = true;
  EXPECT_EQ(Verdict::failed, verdict());
  EXPECT_THAT(reason(), HasSubstr("0-1-12"));
}

TEST_F(Planner, never_promotes_over_an_applier_error) {
  want(Role::primary);
  following("0-1-10");
  own().replica.applier = ReplicaThread::stopped;
  own().replica.applier_errno = 1062;
  own().replica.applier_error = "Duplicate entry";
  EXPECT_EQ(Verdict::failed, verdict());
  EXPECT_THAT(reason(), HasSubstr("1062"));
}

TEST_F(Planner, never_promotes_what_may_lack_acknowledged_commits) {
  want(Role::primary);
  following("0-1-10");
  own().started_at += 60;
  EXPECT_EQ(Verdict::failed, verdict());
  EXPECT_THAT(reason(), HasSubstr("/state/following"));
  own().replica = {};
  EXPECT_EQ(Verdict::failed, verdict());
  own().is_read_only = false;
  EXPECT_EQ(Verdict::failed, verdict());
  now.following = {};
  EXPECT_EQ(Verdict::done, verdict());
}

TEST_F(Planner, does_not_start_an_applier_that_somebody_stopped_before_a_promotion) {
  want(Role::primary);
  following("0-1-12");
  own().replica.receiver = own().replica.applier = ReplicaThread::stopped;
  EXPECT_EQ(Verdict::failed, verdict());
}

TEST_F(Planner, refuses_unfit_servers) {
  own().unfit = {"gtid_strict_mode must be ON"};
  for (const Role role : {Role::primary, Role::standby}) {
    want(role);
    EXPECT_EQ(Verdict::failed, verdict());
  }
}

TEST_F(Planner, a_standby_is_read_only_before_all_else) {
  want(Role::standby);
  own().is_read_only = false;
  own().unfit = {"something"};
  EXPECT_EQ(Step::fence, step());
}

TEST_F(Planner, compares_before_it_follows) {
  want(Role::standby);
  EXPECT_EQ(Step::follow_peer, step());
  now.peer.look = 4;  // before its own was looked at: what was written between would count as errant
  EXPECT_EQ(Verdict::wait, verdict());
  now.peer.look = 6;
  now.peer.purged.reset();
  EXPECT_EQ(Verdict::wait, verdict());
  now.peer.is_reachable = false;
  EXPECT_EQ(Verdict::wait, verdict());
}

TEST_F(Planner, does_not_follow_with_errant_transactions) {
  want(Role::standby);
  own().executed = gtids("0-1-10,0-7-3");
  EXPECT_EQ(Verdict::errant, verdict());
  EXPECT_THAT(reason(), HasSubstr("0-7-3"));
}

TEST_F(Planner, sees_errant_transactions_of_a_standby_that_looks_well) {
  want(Role::standby);
  following("0-1-10");
  EXPECT_EQ(Verdict::done, verdict());
  own().executed = gtids("0-1-10,0-7-3");
  EXPECT_EQ(Verdict::errant, verdict());
  now.peer.look = 4;
  EXPECT_EQ(Verdict::done, verdict());
}

TEST_F(Planner, names_errant_transactions_rather_than_the_error_that_they_cause) {
  want(Role::standby);
  following("0-1-12");
  own().executed = gtids("0-1-10,0-7-11");
  own().replica.applier = ReplicaThread::stopped;
  own().replica.applier_errno = 1950;
  const Plan found = next_step(now);
  EXPECT_EQ(Verdict::errant, found.verdict);
  // This server was looked at again, the primary not yet.
  now.own.look = now.peer.look + 1;
  EXPECT_EQ(Verdict::diverged, verdict());
  EXPECT_EQ(Verdict::errant, lasting(found, next_step(now), now.own, now.peer).verdict);
  own().replica.applier_errno = 0;
  own().replica.applier = ReplicaThread::running;
  EXPECT_EQ(found.reason, lasting(found, next_step(now), now.own, now.peer).reason);
  own().executed = gtids("0-1-10");
  now.peer.look = now.own.look + 1;
  EXPECT_EQ(Verdict::done, lasting(found, next_step(now), now.own, now.peer).verdict);
  now.own.is_reachable = false;
  now.own.look = now.peer.look + 1;
  EXPECT_EQ(Verdict::wait, lasting(found, next_step(now), now.own, now.peer).verdict);
}

TEST_F(Planner, does_not_compare_itself_with_a_server_that_is_still_to_lead) {
  want(Role::standby);
  own().executed = gtids("0-1-12");  // the other one has received it, and applies it before it leads
  now.peer.state.is_read_only = true;
  EXPECT_EQ(Verdict::wait, verdict());
  now.peer.state.is_read_only = false;
  EXPECT_EQ(Verdict::errant, verdict());
}

TEST_F(Planner, says_of_purged_logs_once_what_stays_so) {
  want(Role::standby);
  now.peer.purged = gtids("0-1-11");
  const Plan found = next_step(now);
  ASSERT_EQ(Verdict::purged, found.verdict);
  now.own.look = now.peer.look + 1;
  ASSERT_EQ(Verdict::wait, verdict());
  EXPECT_EQ(found.reason, lasting(found, next_step(now), now.own, now.peer).reason);
  now.peer.is_reachable = false;
  EXPECT_EQ(Verdict::wait, lasting(found, next_step(now), now.own, now.peer).verdict);
}

TEST_F(Planner, does_not_follow_where_logs_were_purged) {
  want(Role::standby);
  now.peer.purged = gtids("0-1-10");
  EXPECT_EQ(Step::follow_peer, step());
  now.peer.purged = gtids("0-1-11");
  EXPECT_EQ(Verdict::purged, verdict());
}

TEST_F(Planner, refuses_two_servers_with_one_id) {
  want(Role::standby);
  now.peer.state.server_id = 1;
  EXPECT_EQ(Verdict::failed, verdict());
  EXPECT_THAT(reason(), HasSubstr("server_id 1"));
}

TEST_F(Planner, keeps_the_relay_log_where_it_can) {
  want(Role::standby);
  following("0-1-12");
  own().replica.receiver = ReplicaThread::stopped;
  EXPECT_EQ(Step::start_receiver, step());
  own().is_vouched = false;
  own().replica.applier = ReplicaThread::stopped;
  EXPECT_EQ(Step::follow_peer, step());
  own().replica.receiver = ReplicaThread::running;
  EXPECT_EQ(Step::start_applier, step());
  own().replica.source_address = "10.0.0.3";
  EXPECT_EQ(Step::follow_peer, step());
}

TEST_F(Planner, vouches_for_a_copy_that_is_on_record_as_complete_and_for_no_other) {
  want(Role::standby);
  following("0-1-10");
  EXPECT_EQ(Verdict::done, verdict());
  own().is_vouched = false;
  EXPECT_EQ(Step::vouch, step());
  now.following.is_complete = false;
  EXPECT_EQ(Verdict::done, verdict());
  own().is_vouched = true;
  EXPECT_EQ(Step::unvouch, step());
  now.following = {};
  EXPECT_EQ(Step::unvouch, step());
}

TEST_F(Planner, tells_a_new_copy_where_it_stands_before_it_follows) {
  want(Role::standby);
  now.is_copy_new = true;
  EXPECT_EQ(Step::adopt, step());
  own().is_read_only = false;
  EXPECT_EQ(Step::fence, step());
  own().is_read_only = true;
  want(Role::primary);
  EXPECT_EQ(Verdict::failed, verdict());
  EXPECT_THAT(reason(), HasSubstr("never followed"));
}

TEST_F(Planner, takes_its_word_back_before_the_relay_log_begins_anew) {
  want(Role::standby);
  following("0-1-10");
  own().replica.source_address = "10.0.0.3";
  EXPECT_EQ(Step::unvouch, step());
  own().is_vouched = false;
  EXPECT_EQ(Step::follow_peer, step());
}

TEST_F(Planner, leaves_a_stopped_applier_alone_and_says_why) {
  want(Role::standby);
  following("0-1-12");
  own().replica.applier = ReplicaThread::stopped;
  own().replica.applier_errno = 1950;
  EXPECT_EQ(Verdict::diverged, verdict());
}

TEST(Following, is_complete_when_it_had_all_that_its_source_had_after_its_start) {
  View own = server(1, "0-1-10", 5);
  View peer = server(2, "0-1-12", 6);
  replicate(own, peer_endpoint, "0-1-10");
  Following known = followed({}, own, peer, peer_endpoint);
  EXPECT_TRUE(known.has_followed);
  EXPECT_FALSE(known.is_complete);
  // The look at the source must lie between that start and this look.
  own.look = 7;
  EXPECT_FALSE(followed(known, own, peer, peer_endpoint).is_complete);
  own.state.replica.received = gtids("0-1-12");
  known = followed(known, own, peer, peer_endpoint);
  EXPECT_TRUE(known.is_complete);
  EXPECT_TRUE(is_certain(known, own.state));
  own.state.started_at += 1;
  own.state.start_tolerance_s = 1;
  EXPECT_TRUE(is_certain(known, own.state));
  own.state.start_tolerance_s = 0;
  EXPECT_FALSE(is_certain(known, own.state));
  EXPECT_FALSE(followed(known, own, peer, peer_endpoint).is_complete);
}

TEST(Following, has_not_begun_while_a_former_primary_waits_for_its_successor) {
  const View own = server(1, "0-1-12", 5);
  const View peer = server(2, "0-1-10", 6);
  EXPECT_TRUE(is_certain(followed({}, own, peer, peer_endpoint), own.state));
}

}  // namespace
}  // namespace clusteragent::mysql
