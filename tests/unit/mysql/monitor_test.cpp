// The lag that does not lie, and alarms that come once and go.
#include <gmock/gmock.h>

#include "modules/mysql_replication/engine/monitor/alarms.hpp"
#include "modules/mysql_replication/engine/monitor/lag.hpp"
#include "tests/unit/mysql/situations.hpp"

namespace clusteragent::mysql {
namespace {

using namespace std::chrono_literals;
using namespace testing_support;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr Lag::Time start{};

std::vector<std::string> ids(const std::vector<Cause>& all) {
  std::vector<std::string> found;
  for (const Cause& each : all) found.push_back(each.id);
  return found;
}

TEST(Lag, is_the_age_of_what_is_not_applied) {
  Lag lag;
  EXPECT_FALSE(lag.value(start)) << "unknown is not zero";
  lag.seen_primary(server(1, "0-1-10", 1), start);
  lag.seen_standby(server(2, "0-1-10", 2));
  EXPECT_EQ(0ms, lag.value(start));
  lag.seen_primary(server(1, "0-1-20", 3), start + 1s);
  lag.seen_primary(server(1, "0-1-30", 4), start + 2s);
  lag.seen_standby(server(2, "0-1-15", 5));
  EXPECT_EQ(1200ms, lag.value(start + 2200ms));
  EXPECT_EQ(15U, lag.transactions());
  lag.seen_standby(server(2, "0-1-20", 6));
  EXPECT_EQ(200ms, lag.value(start + 2200ms));
  lag.seen_standby(server(2, "0-1-30", 7));
  EXPECT_EQ(0ms, lag.value(start + 2200ms));
}

TEST(Lag, grows_while_the_primary_is_not_seen) {
  Lag lag;
  lag.seen_primary(server(1, "0-1-10", 1), start);
  lag.seen_standby(server(2, "0-1-10", 2));
  EXPECT_EQ(0ms, lag.value(start + 2s));
  View lost;
  lag.seen_primary(lost, start + 9s);
  EXPECT_EQ(9s, lag.value(start + 9s));
}

TEST(Lag, of_an_idle_pair_stays_zero_and_a_new_source_begins_anew) {
  Lag lag;
  for (int look = 0; look < 10; ++look) {
    lag.seen_primary(server(1, "0-1-10", 1), start + look * 1s);
    lag.seen_standby(server(2, "0-1-10", 2));
    EXPECT_EQ(0ms, lag.value(start + look * 1s + 500ms));
  }
  lag.forget();
  EXPECT_FALSE(lag.value(start + 20s));
}

TEST(Lag, of_a_replica_without_a_log_of_its_own_is_zero_after_the_primary_has_changed) {
  Lag lag;
  // Two servers have led; where a replica stands is said of the last transaction alone.
  lag.seen_primary(server(1, "0-1-4,0-2-3", 1), start);
  lag.seen_standby(server(3, "0-1-4", 2));
  EXPECT_EQ(0U, lag.transactions());
  EXPECT_EQ(0ms, lag.value(start + 2s));
}

struct Scene {
  View own = server(1, "0-1-5", 1);
  View peer = server(2, "0-1-5", 2);
  Plan plan{Verdict::done, Step::none, {}};

  Watched of(Role role, std::optional<Mode> mode = {}) const { return {role, false, own, peer, plan, mode, {}, 10s}; }
};

TEST(Alarms, of_a_healthy_pair_are_none) {
  Scene scene;
  replicate(scene.own, peer_endpoint, "0-1-5");
  EXPECT_THAT(causes(scene.of(Role::standby)), IsEmpty());
  scene.own.state.is_read_only = false;
  scene.own.state.replica = {};
  EXPECT_THAT(causes(scene.of(Role::primary, Mode::both)), IsEmpty());
  EXPECT_THAT(causes(scene.of(Role::none)), IsEmpty());
}

TEST(Alarms, name_what_is_wrong_with_a_primary) {
  Scene scene;
  EXPECT_THAT(ids(causes(scene.of(Role::primary, Mode::both))), ElementsAre("none-writable"));
  scene.own.state.is_read_only = scene.peer.state.is_read_only = false;
  EXPECT_THAT(ids(causes(scene.of(Role::primary, Mode::waiting))), ElementsAre("both-writable", "commits-wait"));
  scene.peer.state.is_read_only = true;
  scene.own.state.semi_sync->is_enabled = true;
  EXPECT_THAT(ids(causes(scene.of(Role::primary, Mode::solo))), ElementsAre("unprotected", "semi-sync"));
  scene.own.is_reachable = false;
  EXPECT_THAT(ids(causes(scene.of(Role::primary, Mode::both))), ElementsAre("server"));
}

TEST(Alarms, name_what_is_wrong_with_a_standby) {
  Scene scene;
  replicate(scene.own, peer_endpoint, "0-1-5");
  scene.own.state.replica.receiver = ReplicaThread::connecting;
  scene.own.state.replica.receiver_errno = 1045;
  scene.own.state.replica.receiver_error = "Access denied";
  scene.own.state.replica.applier_errno = 1062;
  scene.plan = {Verdict::errant, Step::none, "it has 2"};
  const auto found = causes(scene.of(Role::standby));
  EXPECT_THAT(ids(found), ElementsAre("errant", "applier", "receiver"));
  EXPECT_THAT(found.back().text, testing::HasSubstr("1045: Access denied"));
  Watched late = scene.of(Role::standby);
  late.lag = 10'001ms;
  EXPECT_THAT(ids(causes(late)), testing::Contains("lag"));
}

TEST(Alarms, tell_at_once_what_was_set_back) {
  Scene scene;
  scene.own.state.is_read_only = false;
  Watched mended = scene.of(Role::primary, Mode::both);
  mended.mended = "rpl_semi_sync_master_timeout = 1000";
  Alarms alarms;
  const auto raised = alarms.update(causes(mended), start);
  ASSERT_EQ(1U, raised.size());
  EXPECT_EQ("semi-sync", raised[0].id);
  EXPECT_THAT(raised[0].text, testing::HasSubstr("rpl_semi_sync_master_timeout = 1000"));
}

TEST(Alarms, are_about_the_logs_of_either_role) {
  Scene scene;
  replicate(scene.own, peer_endpoint, "0-1-5");
  Watched full = scene.of(Role::standby);
  full.logs_held_for = "the log binlog.7 is still needed";
  full.disk_problem = "3 MB left";
  EXPECT_THAT(ids(causes(full)), ElementsAre("disk", "binlog"));
  EXPECT_THAT(causes(full).back().text, testing::HasSubstr("binlog.7"));
}

TEST(Alarms, are_raised_after_their_patience_and_cleared_once) {
  Alarms alarms;
  const std::vector<Cause> one{{"lag", "late", 2s}};
  EXPECT_THAT(alarms.update(one, start), IsEmpty());
  EXPECT_THAT(alarms.update({}, start + 1s), IsEmpty()) << "a blink";
  EXPECT_THAT(alarms.update(one, start + 2s), IsEmpty()) << "counted anew";
  const auto raised = alarms.update(one, start + 4s);
  ASSERT_EQ(1U, raised.size());
  EXPECT_TRUE(raised[0].is_raised);
  EXPECT_EQ("late", alarms.raised().at("lag"));
  EXPECT_THAT(alarms.update(one, start + 5s), IsEmpty()) << "told once";
  EXPECT_THAT(alarms.update({}, start + 6s), IsEmpty()) << "it may come again";
  EXPECT_THAT(alarms.update(one, start + 7s), IsEmpty());
  const auto cleared = alarms.update({}, start + 10s);
  ASSERT_EQ(1U, cleared.size());
  EXPECT_FALSE(cleared[0].is_raised);
  EXPECT_THAT(alarms.raised(), IsEmpty());
}

}  // namespace
}  // namespace clusteragent::mysql
