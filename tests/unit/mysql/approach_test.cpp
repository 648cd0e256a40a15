// Before a planned change of roles: how close the standby is, and for how long that is waited for.
#include "modules/mysql_replication/engine/plan/approach.hpp"

#include <gmock/gmock.h>

#include "tests/unit/mysql/situations.hpp"

namespace clusteragent::mysql {
namespace {

using namespace std::chrono_literals;
using namespace testing_support;
using Verdict = Approach::Verdict;

class Approaching : public testing::Test {
 protected:
  Approaching() { own.state.is_read_only = false; }

  /// The primary is at one transaction and the standby at another.
  Verdict look(int written, int applied, std::chrono::milliseconds after) {
    now += after;
    own.state.executed = gtids("0-1-" + std::to_string(written));
    peer.state.executed = peer.state.applied = gtids("0-1-" + std::to_string(applied));
    replicate(peer, own_endpoint, "0-1-" + std::to_string(written));
    if (!applies) peer.state.replica.applier = ReplicaThread::stopped;
    return approach.look(own, peer, now);
  }

  Approach::Time now{};
  bool applies = true;
  View own = server(1, "0-1-100", 1);
  View peer = server(2, "0-1-100", 2);
  Approach approach{now, true};
};

TEST_F(Approaching, a_standby_that_has_everything_is_close_at_once) {
  EXPECT_EQ(Verdict::close, look(100, 100, 0ms));
}

TEST_F(Approaching, one_that_is_a_moment_behind_is_close_though_it_never_has_everything) {
  EXPECT_EQ(Verdict::wait, look(100, 90, 0ms));
  EXPECT_EQ(Verdict::close, look(150, 100, 20ms));
}

TEST_F(Approaching, one_that_falls_behind_is_waited_for_with_slowed_commits) {
  EXPECT_EQ(Verdict::wait, look(1000, 100, 0ms));
  EXPECT_EQ(Verdict::wait, look(2000, 200, 20ms));
  EXPECT_EQ(Verdict::slow, look(3000, 300, 40ms));
  EXPECT_EQ(Verdict::slow, look(3010, 1500, 1s)) << "it has what was written a second ago";
  EXPECT_EQ(Verdict::slow, look(3020, 2999, 500ms));
  EXPECT_EQ(Verdict::close, look(3025, 3020, 80ms));
}

TEST_F(Approaching, one_large_transaction_is_far_however_few_are_behind_it) {
  look(101, 100, 0ms);
  EXPECT_EQ(Verdict::slow, look(101, 100, 200ms));
  EXPECT_EQ(Verdict::slow, look(102, 100, 5s));
  EXPECT_EQ(Verdict::close, look(102, 102, 20ms));
}

TEST_F(Approaching, nobody_waits_for_ever) {
  look(1000, 100, 0ms);
  EXPECT_EQ(Verdict::slow, look(2000, 200, 14s));
  EXPECT_EQ(Verdict::over, look(3000, 300, 1100ms));
  EXPECT_EQ(15100ms, approach.behind(now));
}

TEST_F(Approaching, a_server_that_cannot_slow_its_commits_waits_a_second) {
  approach = Approach{now, false};
  look(1000, 100, 0ms);
  EXPECT_EQ(Verdict::wait, look(2000, 200, 900ms));
  EXPECT_EQ(Verdict::over, look(3000, 300, 200ms));
}

TEST_F(Approaching, a_standby_that_does_not_apply_is_not_waited_for) {
  applies = false;
  EXPECT_EQ(Verdict::lost, look(1000, 100, 0ms));
  applies = true;
  peer.is_reachable = false;
  EXPECT_EQ(Verdict::lost, look(1000, 100, 0ms));
}

TEST_F(Approaching, nothing_is_waited_for_where_nobody_can_write) {
  own.state.is_read_only = true;
  EXPECT_EQ(Verdict::close, look(1000, 100, 0ms));
  own.is_reachable = false;
  EXPECT_EQ(Verdict::close, look(1000, 100, 0ms));
}

}  // namespace
}  // namespace clusteragent::mysql
