// A further replica: when it is repointed, and when it is told and left alone.
#include "modules/mysql_replication/engine/plan/replica_plan.hpp"

#include <gmock/gmock.h>

#include "modules/mysql_replication/engine/plan/replica_statements.hpp"
#include "tests/unit/mysql/situations.hpp"

namespace clusteragent::mysql {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using namespace testing_support;

const Endpoint elsewhere{"10.0.0.99", 3306};

/// Server 1 was killed, server 2 leads in its place, and replica 7 has the dead one as its source.
class FurtherReplicaPlan : public testing::Test {
 protected:
  FurtherReplicaPlan() {
    s.replica = named(server(7, "0-1-10", 1));
    replicate(s.replica, peer_endpoint, "0-1-10");
    s.primary = named(server(2, "0-1-10,0-2-12", 2));
    s.primary.state.is_read_only = false;
    s.primary.purged = gtids("0-1-3");
    s.primary_endpoint = own_endpoint;
    s.other_endpoint = peer_endpoint;
    s.other_id = 1;
  }
  static View named(View view) {
    view.state.version = "10.11.19-MariaDB";
    return view;
  }
  ReplicaStatus& status() { return s.replica.state.replica; }
  void halt(bool by_agent) {
    status().receiver = status().applier = ReplicaThread::stopped;
    s.is_stopped_by_agent = by_agent;
  }
  void follow() { replicate(s.replica, own_endpoint, "0-2-12"); }
  ReplicaPlan plan() const { return next_replica_step(s); }
  void expect_left(ReplicaState state, const std::string& word) const {
    const ReplicaPlan now = plan();
    EXPECT_EQ(state, now.state) << now.reason;
    EXPECT_EQ(ReplicaStep::none, now.step) << text_of(now.step);
    EXPECT_THAT(now.reason, HasSubstr(word));
  }
  void expect_step(ReplicaStep step) const {
    const ReplicaPlan now = plan();
    EXPECT_EQ(step, now.step) << text_of(now.step) << " " << now.reason;
  }

  ReplicaSituation s;
};

TEST_F(FurtherReplicaPlan, is_stopped_then_compared_then_repointed) {
  expect_step(ReplicaStep::stop);
  halt(true);
  expect_step(ReplicaStep::repoint);
  s.primary.look = 0;
  EXPECT_EQ(ReplicaState::waiting, plan().state) << "the primary was looked at before the replica";
  EXPECT_EQ(ReplicaStep::none, plan().step);
  s.primary.look = 2;
  follow();
  EXPECT_EQ(ReplicaState::following, plan().state);
  expect_step(ReplicaStep::none);
}

TEST_F(FurtherReplicaPlan, that_follows_this_node_is_not_touched_by_whatever_name_it_does) {
  follow();
  expect_left(ReplicaState::following, "");
  // The virtual address, or a name.
  replicate(s.replica, elsewhere, "0-2-12");
  status().source_server_id = 2;
  expect_left(ReplicaState::following, "");
  status().receiver = ReplicaThread::connecting;
  expect_step(ReplicaStep::stop);
  status().source_server_id = 1;
  status().receiver = ReplicaThread::running;
  expect_step(ReplicaStep::stop);
}

TEST_F(FurtherReplicaPlan, of_another_source_or_of_none_is_left_alone) {
  replicate(s.replica, elsewhere, "0-1-10");
  expect_left(ReplicaState::another_source, "10.0.0.99 port 3306, which is neither node");
  status().source_server_id = 9;
  expect_left(ReplicaState::another_source, "neither node");
  status() = {};
  expect_left(ReplicaState::another_source, "it has no source");
}

TEST_F(FurtherReplicaPlan, that_is_not_reached_says_why) {
  s.replica.is_reachable = false;
  s.replica.problem = "cannot connect: no (1045)";
  expect_left(ReplicaState::not_reached, "(1045)");
}

TEST_F(FurtherReplicaPlan, with_errant_transactions_is_left_alone) {
  s.replica.state.executed = gtids("0-1-11");
  expect_left(ReplicaState::errant, "1 transaction(s)");
  follow();
  expect_left(ReplicaState::errant, "0-1-11");
  // It applied one more while it was stopped: it goes on as it was found.
  replicate(s.replica, peer_endpoint, "0-1-11");
  halt(true);
  EXPECT_EQ(ReplicaState::errant, plan().state);
  expect_step(ReplicaStep::start);
}

TEST_F(FurtherReplicaPlan, without_a_log_of_its_own_is_compared_by_what_it_applied) {
  s.replica.state.executed = gtids("");
  s.replica.state.applied = gtids("0-1-11");
  expect_left(ReplicaState::errant, "0-1-11");
  s.replica.state.applied = gtids("0-1-9");
  expect_step(ReplicaStep::stop);
}

TEST_F(FurtherReplicaPlan, whose_logs_are_purged_is_left_alone) {
  s.primary.purged.reset();
  EXPECT_TRUE(plan().needs_purged);
  expect_step(ReplicaStep::none);
  s.primary.purged = gtids("0-1-10,0-2-11");
  expect_left(ReplicaState::purged, "0-2-11");
  halt(true);
  EXPECT_EQ(ReplicaState::purged, plan().state);
  expect_step(ReplicaStep::start);
}

TEST_F(FurtherReplicaPlan, that_was_stopped_by_hand_stays_stopped) {
  halt(false);
  expect_left(ReplicaState::stopped, "applier is stopped, and by no error");
  status().receiver = ReplicaThread::running;
  expect_left(ReplicaState::stopped, "applier");
  status().applier = ReplicaThread::running;
  status().receiver = ReplicaThread::stopped;
  expect_left(ReplicaState::stopped, "receiver is stopped");
  follow();
  halt(false);
  expect_left(ReplicaState::stopped, "START SLAVE");
}

TEST_F(FurtherReplicaPlan, whose_receiver_an_error_ended_is_repointed) {
  status().receiver = ReplicaThread::stopped;
  status().receiver_errno = 2003;
  expect_step(ReplicaStep::stop);
  status().receiver = ReplicaThread::connecting;
  expect_step(ReplicaStep::stop);
}

TEST_F(FurtherReplicaPlan, whose_applier_stopped_over_an_error_is_left_alone) {
  status().applier = ReplicaThread::stopped;
  status().applier_errno = 1062;
  status().applier_error = "Duplicate entry";
  expect_left(ReplicaState::applier_stopped, "error 1062: Duplicate entry");
}

TEST_F(FurtherReplicaPlan, without_gtid_is_told_the_way) {
  status().uses_gtid = false;
  expect_left(ReplicaState::no_gtid, "MASTER_USE_GTID = slave_pos");
  s.replica.state.version = s.primary.state.version = "8.4.0";
  expect_left(ReplicaState::no_gtid, "AUTO_POSITION = 1");
}

TEST_F(FurtherReplicaPlan, that_is_no_further_replica_is_not_touched) {
  for (const std::uint32_t node : {1U, 2U}) {
    s.replica.state.server_id = node;
    expect_left(ReplicaState::refused, "is that of a node of this module");
  }
  s.replica.state.server_id = 7;
  s.sibling_ids = {7, 8};
  expect_left(ReplicaState::refused, "another <replica> has the server_id 7");
  s.sibling_ids = {8};
  s.replica.state.is_vouched = true;
  expect_left(ReplicaState::refused, "standby of a pair");
  s.replica.state.is_vouched = false;
  status().has_channels = true;
  expect_left(ReplicaState::refused, "several channels");
  status().has_channels = false;
  s.replica.state.version = "9.7.4";
  expect_left(ReplicaState::refused, "do not replicate to each other");
}

// The worst day: a commit that the replica acknowledges counts as if the standby had it.
TEST_F(FurtherReplicaPlan, acknowledges_no_commit_whatever_else_is_wrong_with_it) {
  s.replica.state.acknowledges = true;
  expect_step(ReplicaStep::cease_acknowledging);
  follow();
  expect_step(ReplicaStep::cease_acknowledging);
  status().uses_gtid = false;
  expect_step(ReplicaStep::cease_acknowledging);
  s.replica.state.executed = gtids("0-1-11");
  expect_step(ReplicaStep::cease_acknowledging);
  EXPECT_TRUE(is_problem(plan().state));
  EXPECT_THAT(plan().reason, HasSubstr("in the place of the standby"));
  // Of another pair's it is the standby, perhaps.
  replicate(s.replica, elsewhere, "0-1-10");
  expect_step(ReplicaStep::none);
}

TEST_F(FurtherReplicaPlan, is_not_torn_between_two_primaries) {
  s.other = named(server(1, "0-1-10", 2));
  s.other.state.is_read_only = false;
  EXPECT_THAT(plan().reason, HasSubstr("both nodes take writes"));
  expect_step(ReplicaStep::none);
  s.other.state.is_read_only = true;
  expect_step(ReplicaStep::stop);
  // The other node took it while this one leads, and cannot be asked why.
  s.has_followed = true;
  expect_step(ReplicaStep::stop);
  s.other = {};
  expect_left(ReplicaState::another_source, "a second primary?");
}

TEST_F(FurtherReplicaPlan, that_gets_nothing_from_this_node_says_why_and_is_tried_again) {
  follow();
  status().receiver = ReplicaThread::connecting;
  status().receiver_errno = 1045;
  status().receiver_error = "Access denied";
  expect_left(ReplicaState::not_connected, "error 1045: Access denied");
  status().receiver = ReplicaThread::stopped;
  EXPECT_EQ(ReplicaState::not_connected, plan().state);
  expect_step(ReplicaStep::start_receiver);
  s.primary.purged.reset();
  EXPECT_TRUE(plan().needs_purged);
  expect_step(ReplicaStep::none);
}

TEST_F(FurtherReplicaPlan, that_this_engine_stopped_and_repointed_is_started) {
  follow();
  halt(true);
  expect_step(ReplicaStep::start);
}

TEST(ReplicaStatements, turn_acknowledging_off_before_a_receiver_starts) {
  ServerState state;
  state.acknowledges = false;
  EXPECT_THAT(statements_of(ReplicaStep::repoint, make_mariadb()->replica_words(), own_endpoint, state),
              ElementsAre("SET GLOBAL rpl_semi_sync_slave_enabled = 0",
                          "CHANGE MASTER TO MASTER_HOST = '10.0.0.1', MASTER_PORT = 3306, MASTER_USE_GTID = slave_pos",
                          "START SLAVE"));
  EXPECT_THAT(statements_of(ReplicaStep::repoint, make_oracle_8(907)->replica_words(), own_endpoint, state),
              ElementsAre("SET GLOBAL rpl_semi_sync_replica_enabled = 0",
                          "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '10.0.0.1', SOURCE_PORT = 3306, "
                          "SOURCE_AUTO_POSITION = 1",
                          "START REPLICA"));
  // Without the plugin there is no such variable.
  state.acknowledges.reset();
  EXPECT_THAT(statements_of(ReplicaStep::repoint, make_oracle_56()->replica_words(), own_endpoint, state),
              ElementsAre("CHANGE MASTER TO MASTER_HOST = '10.0.0.1', MASTER_PORT = 3306, MASTER_AUTO_POSITION = 1",
                          "START SLAVE"));
}

TEST(ReplicaStatements, never_change_what_is_not_of_replication) {
  ServerState state;
  state.acknowledges = true;
  for (const auto& dialect : {make_mariadb(), make_oracle_56(), make_oracle_8(907)}) {
    for (const ReplicaStep step : {ReplicaStep::stop, ReplicaStep::repoint, ReplicaStep::start,
                                   ReplicaStep::start_receiver, ReplicaStep::cease_acknowledging}) {
      const auto all = statements_of(step, dialect->replica_words(), own_endpoint, state);
      EXPECT_FALSE(all.empty());
      EXPECT_THAT(all, Each(AllOf(Not(HasSubstr("read_only")), Not(HasSubstr("RESET")), Not(HasSubstr("PASSWORD")),
                                  Not(HasSubstr("gtid_slave_pos")))));
    }
  }
}

TEST(FurtherReplica, keeps_logs_from_being_purged_unless_its_data_are_made_anew) {
  for (const ReplicaState state :
       {ReplicaState::waiting, ReplicaState::following, ReplicaState::repointing, ReplicaState::not_reached,
        ReplicaState::not_connected, ReplicaState::stopped, ReplicaState::applier_stopped, ReplicaState::failed})
    EXPECT_TRUE(may_need_logs(state)) << text_of(state);
  for (const ReplicaState state : {ReplicaState::errant, ReplicaState::purged, ReplicaState::no_gtid,
                                   ReplicaState::another_source, ReplicaState::refused})
    EXPECT_FALSE(may_need_logs(state)) << text_of(state);
}

}  // namespace
}  // namespace clusteragent::mysql
