#include "modules/mysql_replication/engine/dialect/dialect.hpp"

#include <gmock/gmock.h>

namespace clusteragent::mysql {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
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
           {"started_at", "500"},
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
  const auto dialect = make_oracle_8();
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

TEST(Dialect, quotes_whatever_a_password_has) {
  EXPECT_EQ("'it\\'s \\\\ \"so\"'", quoted("it's \\ \"so\""));
}

TEST(Dialect, of_mariadb_takes_over_its_own_transactions_only_where_it_has_some) {
  const auto dialect = make_mariadb();
  ServerState own;
  const Source source{"10.0.0.2", 3306, "copy", "x"};
  EXPECT_THAT(dialect->follow(source, own), Not(Contains(HasSubstr("MASTER_DEMOTE_TO_SLAVE"))));
  own.executed = *Gtids::parse(Family::mariadb, "0-1-5");
  EXPECT_THAT(dialect->follow(source, own), Contains(HasSubstr("MASTER_DEMOTE_TO_SLAVE = 1")));
}

}  // namespace
}  // namespace clusteragent::mysql
