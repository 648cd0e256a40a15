#include "modules/mysql_replication/engine/plan/provision.hpp"

#include <gmock/gmock.h>

#include "tests/unit/mysql/situations.hpp"

namespace clusteragent::mysql {
namespace {

using testing::HasSubstr;
using namespace testing_support;

class Standby : public testing::Test {
 protected:
  Standby() {
    facts.role = Role::standby;
    facts.peer = server(2, "0-2-10", 6);
    facts.peer.state.is_read_only = false;
    facts.plan = {Verdict::purged, Step::none, "purged"};
  }
  bool is_provisioned() const { return !reason_to_provision(facts).empty(); }

  ProvisionFacts facts;
};

TEST_F(Standby, that_cannot_catch_up_gets_the_primarys_data) {
  EXPECT_EQ("purged", reason_to_provision(facts));
  for (const Verdict other : {Verdict::step, Verdict::wait, Verdict::done, Verdict::failed, Verdict::diverged}) {
    facts.plan.verdict = other;
    EXPECT_FALSE(is_provisioned());
  }
}

TEST_F(Standby, with_transactions_of_its_own_keeps_them_until_they_are_saved_and_somebody_allowed_it) {
  facts.plan = {Verdict::errant, Step::none, "errant"};
  facts.is_rescued = true;
  EXPECT_FALSE(is_provisioned());
  facts.provisions_errant = true;
  EXPECT_EQ("errant", reason_to_provision(facts));
  facts.is_rescued = false;
  EXPECT_FALSE(is_provisioned());
}

TEST_F(Standby, copies_nobody_but_a_primary) {
  facts.peer.state.is_read_only = true;
  EXPECT_FALSE(is_provisioned());
  facts.peer.state.is_read_only = false;
  facts.peer.is_reachable = false;
  EXPECT_FALSE(is_provisioned());
  facts.peer.is_reachable = true;
  for (const Role other : {Role::none, Role::primary}) {
    facts.role = other;
    EXPECT_FALSE(is_provisioned());
  }
}

TEST_F(Standby, whose_server_is_only_stopped_keeps_its_data) {
  facts.is_server_absent = true;
  EXPECT_FALSE(is_provisioned());
  facts.is_data_lost = true;
  EXPECT_THAT(reason_to_provision(facts), HasSubstr("gone"));
}

TEST(CopyPosition, has_of_each_origin_the_newest_that_the_primary_had) {
  const auto copied = copy_position(Family::mariadb, gtids("0-1-50,0-2-70,3-1-4"), "0-2-90,3-1-4");
  ASSERT_TRUE(copied);
  EXPECT_EQ("0-2-90,3-1-4", copied->position);
  EXPECT_EQ(gtids("0-1-50,0-2-90,3-1-4"), gtids(copied->log_state));
  // Nothing of the primary's past looks like a transaction that this server never had.
  EXPECT_TRUE(gtids("0-1-50,0-2-90,3-1-4").beyond(gtids(copied->log_state)).is_empty());
  EXPECT_FALSE(copy_position(Family::mariadb, gtids("0-1-50"), "what"));
}

TEST(CopyPosition, of_mysql_of_oracle_is_one_set) {
  const auto read = copy_position(Family::oracle, {}, "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7");
  ASSERT_TRUE(read);
  EXPECT_EQ("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7", read->position);
  EXPECT_EQ("", read->log_state);
  EXPECT_FALSE(copy_position(Family::oracle, {}, "0-1-50"));
}

TEST(CopyPosition, is_read_from_what_the_backup_tool_writes) {
  EXPECT_EQ("0-1-3,1-2-4", *position_of_backup("binlog.000001\t773\t0-1-3,1-2-4\n"));
  EXPECT_EQ("", *position_of_backup("binlog.000001\t4\n"));
  EXPECT_FALSE(position_of_backup(""));
  EXPECT_THAT(position_of_backup("nothing").error().message, HasSubstr("'nothing'"));
}

}  // namespace
}  // namespace clusteragent::mysql
