#include "modules/mysql_replication/engine/dialect/dialect.hpp"

#include <gmock/gmock.h>

namespace clusteragent::mysql {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

const std::string uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

Rows replica_row(bool is_new) {
  const std::string thread = is_new ? "Replica" : "Slave";
  const std::string source = is_new ? "Source" : "Master";
  return {{{source + "_Host", "10.0.0.2"},
           {source + "_Port", "3306"},
           {thread + "_IO_Running", "Connecting"},
           {thread + "_SQL_Running", "Yes"},
           {"Seconds_Behind_" + source, std::nullopt},
           {"Last_IO_Errno", "2003"},
           {"Last_IO_Error", "cannot"},
           {"Using_Gtid", "Slave_Pos"},
           {"Auto_Position", "1"},
           {"Gtid_IO_Pos", "0-1-7"},
           {"Retrieved_Gtid_Set", uuid + ":1-7"}}};
}

Rows state_row(const std::string& version) {
  return {{{"version", version},
           {"server_id", "3"},
           {"read_only", "1"},
           {"super_read_only", "0"},
           {"executed", version.starts_with("10") ? "0-1-5" : uuid + ":1-5"},
           {"applied", "0-1-4"},
           {"log_bin", "1"},
           {"strict", "1"},
           {"gtid_mode", "ON"},
           {"log_updates", "1"},
           {"format", "MIXED"},
           {"sync_log", "1"},
           {"flush", "1"},
           {"semi_sync", "1"},
           {"uptime", "40"},
           {"now_s", "600"}}};
}

TEST(Dialect, is_found_by_the_version) {
  EXPECT_STREQ("MariaDB", (*dialect_of("10.11.19-MariaDB-0+deb12u1-log"))->name());
  EXPECT_STREQ("MariaDB", (*dialect_of("11.8.6-MariaDB"))->name());
  EXPECT_STREQ("MySQL 5.6", (*dialect_of("5.6.24-log"))->name());
  EXPECT_STREQ("MySQL 5.6", (*dialect_of("5.7.44"))->name());
  EXPECT_STREQ("MySQL 8", (*dialect_of("8.4.0"))->name());
  EXPECT_STREQ("MySQL 8", (*dialect_of("9.7.4-2"))->name());
  for (const char* version : {"5.5.60-MariaDB", "10.4.1-MariaDB", "5.5.62", "", "none"}) {
    const auto none = dialect_of(version);
    ASSERT_FALSE(none) << version;
    EXPECT_THAT(none.error().message, HasSubstr("not supported"));
  }
}

TEST(Dialect, reads_the_status_by_name) {
  const struct {
    const char* version;
    bool is_new;
    const char* received;
  } all[] = {{"10.11.19-MariaDB", false, "0-1-7"}, {"5.6.24", false, ":1-7"}, {"9.7.4", true, ":1-7"}};
  for (const auto& each : all) {
    const auto found = dialect_of(each.version);
    const auto& dialect = *found;
    const auto state = dialect->state(state_row(each.version), replica_row(each.is_new), {});
    ASSERT_TRUE(state) << state.error().message;
    EXPECT_EQ(3U, state->server_id);
    EXPECT_EQ("10.0.0.2", state->replica.source_address);
    EXPECT_EQ(3306, state->replica.source_port);
    EXPECT_EQ(ReplicaThread::connecting, state->replica.receiver);
    EXPECT_EQ(ReplicaThread::running, state->replica.applier);
    EXPECT_EQ(2003U, state->replica.receiver_errno);
    EXPECT_FALSE(state->replica.seconds_behind) << "unknown is not zero";
    EXPECT_TRUE(state->replica.uses_gtid);
    EXPECT_THAT(state->replica.received.text(), HasSubstr(each.received));
    EXPECT_THAT(state->unfit, testing::ElementsAre(AllOf(HasSubstr("binlog_format"), HasSubstr("'MIXED'"))));
    // The words of another family are missing columns, not a healthy replica.
    EXPECT_FALSE(dialect->state(state_row(each.version), replica_row(!each.is_new), {}));
  }
}

TEST(Dialect, of_mysql_8_is_read_only_only_for_everybody) {
  Rows row = state_row("9.7.4");
  const auto dialect = make_oracle_8(907);
  EXPECT_FALSE(dialect->state(row, {}, {})->is_read_only);
  row.front()["super_read_only"] = "1";
  EXPECT_TRUE(dialect->state(row, {}, {})->is_read_only);
}

TEST(Dialect, reads_semi_sync_where_there_is_one) {
  const Rows mariadb{{{"Variable_name", "Rpl_semi_sync_master_status"}, {"Value", "ON"}},
                     {{"Variable_name", "Rpl_semi_sync_master_clients"}, {"Value", "1"}},
                     {{"Variable_name", "Rpl_semi_sync_master_wait_sessions"}, {"Value", "4"}}};
  const auto state = make_mariadb()->state(state_row("10.11.19-MariaDB"), {}, mariadb);
  ASSERT_TRUE(state->semi_sync);
  EXPECT_TRUE(state->semi_sync->is_on && state->semi_sync->is_enabled);
  EXPECT_EQ(1U, state->semi_sync->replicas);
  EXPECT_EQ(4U, state->semi_sync->commits_waiting);
  const Rows uptime{{{"Variable_name", "Uptime"}, {"Value", "40"}}};
  EXPECT_FALSE(make_oracle_56()->state(state_row("5.6.24"), {}, uptime)->semi_sync);
  EXPECT_EQ(560, make_oracle_56()->state(state_row("5.6.24"), {}, uptime)->started_at);
}

TEST(Dialect, reads_whether_a_replica_acknowledges_and_who_answered_as_its_source) {
  const struct {
    const char* version;
    bool is_new;
    const char* variable;
  } all[] = {{"10.11.19-MariaDB", false, "Rpl_semi_sync_slave_status"},
             {"5.7.44", false, "Rpl_semi_sync_slave_status"},
             {"9.7.4", true, "Rpl_semi_sync_replica_status"}};
  for (const auto& each : all) {
    const auto found = dialect_of(each.version);
    const auto& dialect = *found;
    EXPECT_THAT(dialect->status_query(), HasSubstr("LIKE 'Rpl_semi_sync%'"));
    Rows replica = replica_row(each.is_new);
    replica.front()[each.is_new ? "Source_Server_Id" : "Master_Server_Id"] = "9";
    for (const char* value : {"ON", "OFF"}) {
      const Rows status{{{"Variable_name", each.variable}, {"Value", value}}};
      const auto state = dialect->state(state_row(each.version), replica, status);
      ASSERT_TRUE(state) << each.version;
      EXPECT_EQ(std::string{value} == "ON", state->acknowledges) << each.version;
      EXPECT_EQ(9U, state->replica.source_server_id);
    }
    EXPECT_FALSE(dialect->state(state_row(each.version), replica, {})->acknowledges) << "it has no plugin";
  }
}

TEST(Dialect, knows_a_server_again_whose_clock_was_set) {
  const auto started_at = [](const char* now_s, const char* uptime) {
    Rows row = state_row("10.11.19-MariaDB");
    row.front()["now_s"] = now_s;
    row.front()["uptime"] = uptime;
    const auto mariadb = make_mariadb()->state(row, {}, {});
    const Rows status{{{"Variable_name", "Uptime"}, {"Value", uptime}}};
    Rows mysql_row = state_row("9.7.4");
    mysql_row.front()["now_s"] = now_s;
    EXPECT_EQ(mariadb->started_at, make_oracle_8(907)->state(mysql_row, {}, status)->started_at);
    return mariadb->started_at;
  };
  EXPECT_EQ(1795329834, started_at("1795329838", "4"));
  EXPECT_EQ(1795329834, started_at("1795337053", "7219")) << "two hours on";
  EXPECT_EQ(1795329834, started_at("1795326259", "18446744073709548041")) << "back to before its start";
}

TEST(Dialect, finds_settings_under_which_a_commit_would_not_wait) {
  const Rows mysql{{{"Variable_name", "Rpl_semi_sync_source_status"}, {"Value", "ON"}}};
  const auto weakness = [&mysql](const std::string& version, const Row& more) {
    Rows row = state_row(version);
    for (const auto& [name, value] : more) row.front()[name] = value;
    return (*dialect_of(version))->state(row, {}, mysql)->semi_sync->weakness;
  };
  for (const char* version : {"10.11.19-MariaDB", "9.7.4"}) {
    EXPECT_EQ("", weakness(version, {})) << "not known";
    EXPECT_EQ("", weakness(version, {{"timeout_ms", "4294967295"}, {"wait_alone", "1"}}));
    EXPECT_THAT(weakness(version, {{"timeout_ms", "1000"}}), HasSubstr("timeout = 1000"));
    EXPECT_THAT(weakness(version, {{"wait_alone", "OFF"}}), HasSubstr("wait_no_slave"));
    EXPECT_THAT(weakness(version, {{"wait_alone", "0"}}), HasSubstr("wait_no_slave"));
  }
  EXPECT_EQ("", weakness("10.11.19-MariaDB", {{"wait_point", "AFTER_SYNC"}}));
  EXPECT_THAT(weakness("10.11.19-MariaDB", {{"wait_point", "AFTER_COMMIT"}}), HasSubstr("wait_point"));
}

TEST(Dialect, tells_channels_from_the_one_without_a_name) {
  Rows rows = replica_row(true);
  rows.front()["Channel_Name"] = "";
  EXPECT_FALSE(make_oracle_8(907)->state(state_row("9.7.4"), rows, {})->replica.has_channels);
  rows.front()["Channel_Name"] = "site";
  EXPECT_TRUE(make_oracle_8(907)->state(state_row("9.7.4"), rows, {})->replica.has_channels);
  rows.front()["Channel_Name"] = "";
  rows.push_back(rows.front());
  EXPECT_TRUE(make_oracle_8(907)->state(state_row("9.7.4"), rows, {})->replica.has_channels);
}

TEST(Dialect, of_mariadb_finds_what_was_purged) {
  const auto dialect = make_mariadb();
  EXPECT_EQ("SHOW BINLOG EVENTS IN 'log.0007' LIMIT 4", dialect->purged_query({{{"Log_name", "log.0007"}}}));
  EXPECT_EQ("0-1-7,0-2-10", dialect
                                ->purged({{{"Event_type", "Format_desc"}, {"Info", "x"}},
                                          {{"Event_type", "Gtid_list"}, {"Info", "[0-1-7,0-2-10]"}}})
                                ->text());
  EXPECT_TRUE(dialect->purged({{{"Event_type", "Gtid_list"}, {"Info", "[]"}}})->is_empty());
  EXPECT_FALSE(dialect->purged({}));
}

TEST(Dialect, tells_a_server_where_its_copied_data_stand) {
  const std::string at = "SET GLOBAL gtid_purged = 'x:1-5'";
  EXPECT_THAT(make_oracle_56()->adopt("", "x:1-5"), IsSupersetOf({std::string{"RESET MASTER"}, at}));
  EXPECT_THAT(make_oracle_8(800)->adopt("", "x:1-5"), IsSupersetOf({std::string{"RESET MASTER"}, at}));
  // From 8.2 on, and from 8.4 on the only one.
  EXPECT_THAT(make_oracle_8(802)->adopt("", "x:1-5"), IsSupersetOf({std::string{"RESET BINARY LOGS AND GTIDS"}, at}));
  EXPECT_THAT(make_mariadb()->adopt("0-1-5", "0-1-5"), Contains("SET GLOBAL gtid_slave_pos = '0-1-5'"));
}

TEST(Dialect, of_oracle_finds_what_a_log_begins_with) {
  EXPECT_EQ("SHOW BINLOG EVENTS IN 'it\\'s.7' LIMIT 4", Dialect::log_begin_query("it's.7"));
  for (const auto& dialect : {make_oracle_56(), make_oracle_8(907)}) {
    EXPECT_EQ(uuid + ":1-5", dialect
                                 ->log_begin({{{"Event_type", "Format_desc"}, {"Info", "x"}},
                                              {{"Event_type", "Previous_gtids"}, {"Info", uuid + ":1-5"}}})
                                 ->text());
    EXPECT_TRUE(dialect->log_begin({{{"Event_type", "Previous_gtids"}, {"Info", ""}}})->is_empty());
    EXPECT_FALSE(dialect->log_begin({{{"Event_type", "Gtid"}, {"Info", "x"}}}));
  }
}

TEST(Dialect, quotes_whatever_a_password_has) {
  EXPECT_EQ("'it\\'s \\\\ \"so\"'", quoted("it's \\ \"so\""));
}

TEST(Dialect, of_mariadb_stops_receiving_from_a_source_without_power_within_a_second) {
  EXPECT_THAT(make_mariadb()->stop_receiver(),
              testing::ElementsAre("SET GLOBAL rpl_semi_sync_slave_kill_conn_timeout = 1", "STOP SLAVE IO_THREAD"));
}

TEST(Dialect, slow_commits_by_what_groups_them) {
  const auto mariadb = make_mariadb();
  EXPECT_THAT(mariadb->set_commit_delay(mariadb->slowed_by(50'000)),
              testing::ElementsAre("SET GLOBAL binlog_commit_wait_usec = 50000",
                                   "SET GLOBAL binlog_commit_wait_count = 1000000"));
  const auto mysql = make_oracle_8(907);
  EXPECT_THAT(mysql->set_commit_delay(mysql->slowed_by(50'000)),
              testing::ElementsAre("SET GLOBAL binlog_group_commit_sync_delay = 50000",
                                   "SET GLOBAL binlog_group_commit_sync_no_delay_count = 0"));
  EXPECT_TRUE(make_oracle_56()->commit_delay_query().empty());
}

TEST(Dialect, of_mariadb_takes_over_its_own_transactions_only_where_it_has_some) {
  const auto dialect = make_mariadb();
  ServerState own;
  const Source source{"10.0.0.2", 3306, "copy", "x"};
  EXPECT_THAT(dialect->follow(source, own), Not(Contains(HasSubstr("MASTER_DEMOTE_TO_SLAVE"))));
  own.executed = *Gtids::parse(Family::mariadb, "0-1-5");
  EXPECT_THAT(dialect->follow(source, own), Contains(HasSubstr("MASTER_DEMOTE_TO_SLAVE = 1")));
}

TEST(Dialect, reads_whether_the_engine_of_that_node_vouches_for_its_copy) {
  for (const auto& one : {make_mariadb(), make_oracle_56(), make_oracle_8(907)}) {
    EXPECT_THAT(one->state_query(), HasSubstr("IS_USED_LOCK('clusteragent.complete') IS NOT NULL AS vouched"));
    Rows row = state_row(one->family() == Family::mariadb ? "10.11.19-MariaDB" : "9.7.4");
    row.front()["vouched"] = "1";
    EXPECT_TRUE(one->state(row, {}, {})->is_vouched) << one->name();
    row.front()["vouched"] = "0";
    EXPECT_FALSE(one->state(row, {}, {})->is_vouched) << one->name();
  }
}

}  // namespace
}  // namespace clusteragent::mysql
