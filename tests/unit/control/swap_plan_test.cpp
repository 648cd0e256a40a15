// What `swap --dry-run` prints, and what keeps a swap of two replicating servers from being begun.
#include "agent/control/swap_plan.hpp"

#include <gmock/gmock.h>

namespace clusteragent::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

Json primary() {
  return {{"node", "a"},
          {"replication",
           {{"engine", "mysql"},
            {"role", "primary"},
            {"state", "up to date"},
            {"server", "10.11.19-MariaDB"},
            {"semi_sync", {{"is_enabled", true}, {"commits_waiting", 3}}}}}};
}

Json standby() {
  return {{"node", "b"},
          {"replication",
           {{"engine", "mysql"},
            {"role", "standby"},
            {"state", "following"},
            {"server", "10.11.19-MariaDB"},
            {"replica", {{"applied", "0-1-38"}, {"received", "0-1-40"}, {"is_complete", true}}}}}};
}

Json seen_from(Json own, const Json& peer) {
  own["seen_of_peer"]["node"] = peer.value("node", "b");
  own["peer_report"] = peer;
  return own;
}

TEST(SwapPlan, names_each_step_with_its_node_in_order_from_either_node) {
  for (const Json& status : {seen_from(primary(), standby()), seen_from(standby(), primary())}) {
    const SwapPlan plan = mysql_swap_plan(status);
    EXPECT_THAT(plan.obstacles, IsEmpty());
    EXPECT_THAT(
        plan.steps,
        ElementsAre(HasSubstr("a: run stop_prim"), HasSubstr("(3 wait for the standby now)"),
                    HasSubstr("a: end every client"), StartsWith("a: semi-synchronous replication off"),
                    "a: give the virtual address up", "b: stop receiving", HasSubstr("(now 0-1-38 of 0-1-40)"),
                    HasSubstr("b: end replication"), "b: make the server writable", HasSubstr("b: take"),
                    HasSubstr("a: compare its transactions with those of b"), HasSubstr("b: let commits wait")));
  }
}

TEST(SwapPlan, of_servers_without_semi_sync_has_no_step_for_it) {
  Json own = primary();
  own["replication"].erase("semi_sync");
  for (const std::string& step : mysql_swap_plan(seen_from(own, standby())).steps)
    EXPECT_THAT(step, testing::Not(HasSubstr("semi-sync")));
}

TEST(SwapPlan, names_what_becomes_of_further_replicas) {
  Json own = primary();
  own["replication"]["further_replicas"] = {{{"address", "10.0.0.7"}, {"port", 3306}, {"state", "following"}},
                                            {{"address", "10.0.0.8"}, {"port", 3306}, {"state", "stopped"}}};
  const std::vector<std::string> steps = mysql_swap_plan(seen_from(own, standby())).steps;
  ASSERT_GE(steps.size(), 2U);
  EXPECT_EQ(steps[steps.size() - 2],
            "b: compare the further replica 10.0.0.7 port 3306 with this server, and repoint it");
  EXPECT_EQ(steps.back(), "b: leave the further replica 10.0.0.8 port 3306 as it is (stopped)");
}

TEST(SwapPlan, says_why_it_is_not_begun) {
  Json behind = standby();
  behind["replication"]["replica"]["is_complete"] = false;
  EXPECT_THAT(mysql_swap_plan(seen_from(primary(), behind)).obstacles, ElementsAre(HasSubstr("it will in a moment")));
  Json errant = standby();
  errant["replication"]["state"] = "errant transactions";
  errant["replication"]["problem"] = "it has 1";
  EXPECT_THAT(mysql_swap_plan(seen_from(primary(), errant)).obstacles,
              ElementsAre("b does not follow (errant transactions): it has 1"));
  Json lost = standby();
  lost["replication"]["server"] = "not reached";
  Json alone = primary();
  alone["replication"]["state"] = "degraded";
  EXPECT_THAT(mysql_swap_plan(seen_from(alone, lost)).obstacles,
              ElementsAre(HasSubstr("the server of b is not reached"), HasSubstr("does not count b as up to date")));
}

TEST(SwapPlan, waits_for_a_standby_that_does_not_keep_up) {
  Json late = standby();
  late["replication"]["lag_ms"] = 1500;
  late["replication"]["transactions_behind"] = 4711;
  EXPECT_THAT(mysql_swap_plan(seen_from(primary(), late)).obstacles, IsEmpty());
  late["replication"]["lag_ms"] = 1501;
  EXPECT_THAT(
      mysql_swap_plan(seen_from(primary(), late)).obstacles,
      ElementsAre(testing::AllOf(HasSubstr("b is 1501 ms behind (4711 transactions)"), HasSubstr("stop on a"))));
}

TEST(SwapPlan, lets_clients_go_on_where_the_server_can_slow_them) {
  Json own = primary();
  Json late = standby();
  late["replication"]["lag_ms"] = 10'000;
  EXPECT_THAT(mysql_swap_plan(seen_from(own, late)).obstacles, testing::SizeIs(1));
  own["replication"]["can_slow_commits"] = true;
  EXPECT_THAT(mysql_swap_plan(seen_from(own, late)).obstacles, IsEmpty());
  EXPECT_THAT(mysql_swap_plan(seen_from(own, late)).steps,
              testing::Contains("a: where b is behind, let each commit wait 50 ms until it is close, 15 s at most"));
  late["replication"]["lag_ms"] = 10'001;
  EXPECT_THAT(mysql_swap_plan(seen_from(own, late)).obstacles, ElementsAre(HasSubstr("b is 10001 ms behind")));
}

TEST(SwapPlan, is_not_made_up_where_the_roles_are_not_known) {
  Json own = primary();
  own["seen_of_peer"]["node"] = "b";
  own["peer_report"] = nullptr;
  EXPECT_THAT(mysql_swap_plan(own).obstacles, ElementsAre("nothing is heard of b"));
  EXPECT_THAT(mysql_swap_plan(own).steps, IsEmpty());
  EXPECT_THAT(mysql_swap_plan(seen_from(primary(), primary())).obstacles, ElementsAre(HasSubstr("needs one node as")));
}

}  // namespace
}  // namespace clusteragent::control
