// What an administrator reads of two replicating servers: one look must tell whether a commit is on both.
#include "agent/control/render_mysql.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace clusteragent::control {
namespace {

Json primary() {
  return {{"engine", "mysql"},
          {"role", "primary"},
          {"state", "up to date"},
          {"server", "10.11.19-MariaDB"},
          {"server_id", 1},
          {"is_writable", true},
          {"executed", "0-1-40"},
          {"semi_sync", {{"is_enabled", true}, {"is_on", true}, {"replicas", 1}, {"commits_waiting", 0}}}};
}

Json standby() {
  return {{"engine", "mysql"},
          {"role", "standby"},
          {"state", "following"},
          {"server", "10.11.19-MariaDB"},
          {"server_id", 2},
          {"is_writable", false},
          {"executed", "0-1-40"},
          {"semi_sync", {{"is_enabled", false}, {"is_on", false}, {"replicas", 0}, {"commits_waiting", 0}}},
          {"replica", {{"applied", "0-1-40"}, {"received", "0-1-40"}, {"seconds_behind", 0}}}};
}

Row row(const std::string& label, const Json& own, const Json& peer = {}) {
  for (Row& each : mysql_rows(own, peer)) {
    if (each.at(0).text == label) return each;
  }
  return {};
}

Cell cell(const std::string& label, const Json& own) {
  const Row found = row(label, own);
  return found.empty() ? Cell{"no such row"} : found.at(1);
}

TEST(RenderMysql, says_on_one_screen_that_a_commit_is_on_both) {
  EXPECT_EQ(row("replication", primary(), standby()).at(1).text, "the other copy is up to date");
  EXPECT_EQ(row("replication", primary(), standby()).at(2).text, "follows the primary");
  EXPECT_EQ(row("database", primary(), standby()).at(1).text, "primary, writable; 10.11.19-MariaDB, server id 1");
  EXPECT_EQ(row("database", primary(), standby()).at(2).text, "standby, read-only; 10.11.19-MariaDB, server id 2");
  EXPECT_EQ(row("semi-sync", primary(), standby()).at(1).text, "on");
  EXPECT_EQ(row("semi-sync", primary(), standby()).at(1).tint, Tint::green);
  EXPECT_EQ(row("semi-sync", primary(), standby()).at(2).text, "as standby");
  EXPECT_EQ(row("GTID", primary(), standby()).at(1).text, "0-1-40");
  EXPECT_EQ(row("lag", primary(), standby()).at(2).text, "0 s, as the server says");
  EXPECT_TRUE(row("errant", primary(), standby()).empty());
}

TEST(RenderMysql, shows_the_further_replicas_of_the_node_that_leads) {
  Json now = primary();
  EXPECT_TRUE(row("replica", now, standby()).empty());
  now["further_replicas"] = {
      {{"address", "10.0.0.7"}, {"port", 3306}, {"state", "following"}, {"lag_ms", 3}, {"transactions_behind", 1}}};
  EXPECT_EQ(row("replica", now, standby()).at(1).text, "10.0.0.7 port 3306: following; 3 ms, 1 transactions");
  EXPECT_EQ(row("replica", now, standby()).at(1).tint, Tint::green);
  EXPECT_EQ(row("replica", standby(), now).at(2).text, "10.0.0.7 port 3306: following; 3 ms, 1 transactions");
  EXPECT_EQ(row("replica", standby(), now).at(1).text, "");
  now["further_replicas"][0]["remark"] = "it takes writes";
  EXPECT_EQ(cell("replica", now).text, "10.0.0.7 port 3306: following; it takes writes; 3 ms, 1 transactions");
  EXPECT_EQ(cell("replica", now).tint, Tint::red);
  now["further_replicas"] = {{{"address", "10.0.0.7"}, {"port", 3306}, {"state", "stopped"}, {"problem", "by hand"}}};
  EXPECT_EQ(cell("replica", now).text, "10.0.0.7 port 3306: stopped: by hand");
  EXPECT_EQ(cell("replica", now).tint, Tint::red);
  now["further_replicas"][0]["state"] = "repointing";
  EXPECT_EQ(cell("replica", now).tint, Tint::magenta);
}

TEST(RenderMysql, takes_nothing_old_or_missing_for_known) {
  EXPECT_EQ(row("replication", primary(), {}).at(2).text, "unknown");
  EXPECT_EQ(row("database", primary(), {}).at(2).text, "unknown");
  EXPECT_EQ(cell("database", {{"engine", "mysql"}}).text, "unknown");
  EXPECT_EQ(cell("semi-sync", {{"engine", "mysql"}}).text, "unknown");
  EXPECT_EQ(cell("GTID", {{"engine", "mysql"}}).text, "unknown");
  Json unasked = standby();
  unasked["replica"].erase("seconds_behind");
  EXPECT_EQ(cell("lag", unasked).text, "unknown") << "NULL is not 0";
  EXPECT_FALSE(is_of_mysql({{"state", "following"}}));
  EXPECT_TRUE(is_of_mysql(primary()));
}

TEST(RenderMysql, shows_in_red_what_protects_no_more) {
  Json json = primary();
  json["is_writable"] = false;
  EXPECT_EQ(cell("database", json).tint, Tint::red);
  json = standby();
  json["is_writable"] = true;
  EXPECT_EQ(cell("database", json).tint, Tint::red);
  json = primary();
  json["semi_sync"] = {{"is_enabled", true}, {"is_on", true}, {"replicas", 0}, {"commits_waiting", 3}};
  EXPECT_EQ(cell("semi-sync", json).text, "on, and no standby: 3 commits wait");
  EXPECT_EQ(cell("semi-sync", json).tint, Tint::red);
  json["semi_sync"] = {{"is_enabled", false}};
  EXPECT_EQ(cell("semi-sync", json).text, "off: commits are answered without the standby");
  EXPECT_EQ(cell("semi-sync", json).tint, Tint::red);
  json["semi_sync"] = {{"is_enabled", true}, {"is_on", false}, {"replicas", 1}};
  EXPECT_EQ(cell("semi-sync", json).tint, Tint::red);
  json.erase("semi_sync");
  json["protection"] = "asynchronous: this server has no semi-synchronous replication";
  EXPECT_EQ(cell("semi-sync", json).text, "asynchronous: this server has no semi-synchronous replication");
  EXPECT_EQ(cell("semi-sync", json).tint, Tint::red);
  json["server"] = "not reached";
  json.erase("is_writable");
  EXPECT_EQ(cell("database", json).text, "not reached");
  EXPECT_EQ(cell("database", json).tint, Tint::red);
}

TEST(RenderMysql, says_how_far_a_standby_is) {
  Json json = standby();
  json["replica"]["received"] = "0-1-45";
  EXPECT_EQ(cell("GTID", json).text, "applied 0-1-40 of received 0-1-45");
}

TEST(RenderMysql, shows_how_far_a_copy_of_the_primarys_data_is) {
  const Json copying = {{"engine", "mysql"},
                        {"state", "provisioning"},
                        {"problem", "the primary has purged binary logs"},
                        {"copy", {{"phase", "copying"}, {"bytes", 120'000'000}, {"bytes_total", 250'000'000}}}};
  EXPECT_EQ(cell("replication", copying).text, "gets the primary's data (copying): 120 of about 250 MB");
  Json cloned = copying;
  cloned["copy"]["method"] = "clone";
  EXPECT_EQ(cell("replication", cloned).text, "gets the primary's data (copying by clone): 120 of about 250 MB");
  const Json failed = {
      {"engine", "mysql"}, {"state", "logs purged"}, {"problem", "too old"}, {"copy", {{"problem", "no room"}}}};
  EXPECT_EQ(cell("replication", failed).text, "logs purged: too old; not provisioned: no room");
  EXPECT_EQ(cell("replication", failed).tint, Tint::red);
}

TEST(RenderMysql, shows_the_room_that_binary_logs_take) {
  Json json = primary();
  EXPECT_TRUE(row("binary logs", json).empty());
  json["logs"] = {{"files", 3}, {"bytes", 120'000'000}, {"bytes_max", 0}};
  EXPECT_EQ(cell("binary logs", json).text, "3 files, 120 MB");
  json["logs"]["bytes_max"] = 500'000'000;
  EXPECT_EQ(cell("binary logs", json).text, "3 files, 120 MB of 500 MB");
}

TEST(RenderMysql, shows_what_the_comparison_of_the_tables_found) {
  Json json = primary();
  EXPECT_TRUE(row("verified", json).empty());
  json["verify"] = {{"state", "running"}, {"tables", 3}, {"tables_all", 8}, {"rows", 700}, {"differences", 0}};
  EXPECT_EQ(cell("verified", json).text, "under way: 3 of 8 tables, 700 rows, 0 differences");
  json["verify"] = {{"state", "done"},    {"tables", 7},    {"tables_all", 8}, {"rows", 900}, {"differences", 0},
                    {"lasted_ms", 12000}, {"age_ms", 5000}, {"left_out", 1},   {"busy", 2}};
  EXPECT_THAT(cell("verified", json).text,
              testing::StartsWith("both servers' tables equal (5.0 s ago; 7 of 8 tables, 900 rows"));
  EXPECT_THAT(cell("verified", json).text,
              testing::EndsWith("; 1 tables were left out; 2 ranges changed all the time)"));
  EXPECT_EQ(cell("verified", json).tint, Tint::green);
  json["verify"]["differences"] = 1;
  EXPECT_THAT(cell("verified", json).text, testing::StartsWith("1 difference ("));
  EXPECT_EQ(cell("verified", json).tint, Tint::red);
  json["verify"]["state"] = "ended";
  json["verify"]["reason"] = "the standby is not up to date";
  EXPECT_THAT(cell("verified", json).text, testing::StartsWith("not to its end: the standby is not up to date (1 dif"));
}

TEST(RenderMysql, names_what_an_operator_has_to_decide) {
  Json json = standby();
  json["state"] = "errant transactions";
  json["problem"] = "0-1-41 is not on the primary";
  EXPECT_EQ(cell("replication", json).text, "errant transactions: 0-1-41 is not on the primary");
  EXPECT_EQ(cell("replication", json).tint, Tint::red);
  json["rescue"] = "/var/r.sql";
  EXPECT_EQ(cell("errant", json).text, "transactions that the other node does not have are saved in /var/r.sql");
  json["state"] = "off";
  json.erase("problem");
  EXPECT_EQ(cell("replication", json).tint, Tint::none);
}

TEST(RenderMysql, lets_no_control_character_of_a_server_onto_the_screen) {
  Json json = standby();
  json["problem"] = "\x1b[2J";
  json["rescue"] = "\x1b]0;x\a";
  for (const char* label : {"replication", "errant"})
    EXPECT_EQ(cell(label, json).text.find('\x1b'), std::string::npos) << label;
}

TEST(RenderMysql, shows_the_measured_lag_and_what_is_wrong) {
  Json own = standby();
  own["lag_ms"] = 1200;
  own["transactions_behind"] = 15;
  EXPECT_EQ(cell("lag", own).text, "1200 ms, 15 transactions") << "not what the server says";
  EXPECT_TRUE(row("alarms", own).empty());
  own["alarms"] = Json::array({{{"id", "lag"}, {"text", "late"}}, {{"id", "receiver"}, {"text", "gone"}}});
  EXPECT_EQ(cell("alarms", own).text, "late; gone");
  EXPECT_EQ(cell("alarms", own).tint, Tint::red);
}

}  // namespace
}  // namespace clusteragent::control
