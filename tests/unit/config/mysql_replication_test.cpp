// <mysqlreplication>: its values, and every way to write it wrongly.
#include <fmt/format.h>

#include "tests/unit/config/support.hpp"

namespace clusteragent::config::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class MysqlReplication : public ConfigTest {
 protected:
  void load_replication(const std::string& attributes) { load_service("<mysqlreplication " + attributes + "/>"); }
};

TEST_F(MysqlReplication, has_defaults_that_protect) {
  load_replication("");
  expect_loaded();
  ASSERT_TRUE(module_ && module_->mysql);
  EXPECT_TRUE(module_->mirrors_data());
  EXPECT_TRUE(module_->start_refusals.empty());
  const MysqlReplicationConfig& mysql = *module_->mysql;
  EXPECT_TRUE(mysql.has_semi_sync);
  EXPECT_EQ(mysql.errant, ErrantReaction::ask);
  EXPECT_EQ(mysql.accounts_file, "/etc/clusteragent/mysql-accounts");
  EXPECT_EQ(mysql.socket, "/run/mysqld/mysqld.sock");
  EXPECT_EQ(mysql.port, 3306);
  EXPECT_EQ(mysql.data_directory, "/var/lib/mysql");
  EXPECT_EQ(mysql.drain_limit, seconds{60});
  EXPECT_EQ(mysql.switch_limit, seconds{10});
  EXPECT_EQ(mysql.lag_limit, seconds{10});
  EXPECT_EQ(mysql.binlog_bytes_max, 0U);
  EXPECT_FALSE(mysql.verify_at);
  EXPECT_EQ(mysql.start_command, "systemctl start mariadb");
  EXPECT_EQ(mysql.stop_command, "systemctl stop mariadb");
  EXPECT_EQ(mysql.server_command, "");
}

TEST_F(MysqlReplication, is_read_as_it_is_written) {
  load_replication(R"(accounts="/srv/accounts" socket="/srv/s" port="3307" lan="private" datadir="/srv/data"
                      semisync="off" errant="provision" drain_timeout="5m" switch_timeout="3" lag_limit="1500"
                      binlog_limit="10000" verify_at="03:30" start_command="/srv/start now"
                      stop_command="/srv/stop now" server_command="/srv/mysqld --defaults-file=/srv/my.cnf")");
  expect_loaded();
  ASSERT_TRUE(module_ && module_->mysql);
  const MysqlReplicationConfig& mysql = *module_->mysql;
  EXPECT_EQ(mysql.accounts_file, "/srv/accounts");
  EXPECT_EQ(mysql.socket, "/srv/s");
  EXPECT_EQ(mysql.port, 3307);
  EXPECT_EQ(mysql.data_directory, "/srv/data");
  EXPECT_FALSE(mysql.has_semi_sync);
  EXPECT_EQ(mysql.errant, ErrantReaction::provision);
  EXPECT_EQ(mysql.drain_limit, seconds{300});
  EXPECT_EQ(mysql.switch_limit, seconds{3});
  EXPECT_EQ(mysql.lag_limit, milliseconds{1500});
  EXPECT_EQ(mysql.binlog_bytes_max, 10'000'000'000U);
  EXPECT_EQ(mysql.verify_at, std::chrono::minutes{3 * 60 + 30});
  EXPECT_EQ(mysql.start_command, "/srv/start now");
  EXPECT_EQ(mysql.stop_command, "/srv/stop now");
  EXPECT_EQ(mysql.server_command, "/srv/mysqld --defaults-file=/srv/my.cnf");
  EXPECT_EQ(replication_paths(*module_, cluster_, NodeId{0}).front().lan, "default") << "the only heartbeat's";
}

class FurtherReplicas : public ConfigTest {
 protected:
  void load_replicas(const std::string& children) {
    load_service("<mysqlreplication>" + children + "</mysqlreplication>");
  }
};

TEST_F(FurtherReplicas, are_none_unless_they_are_named) {
  load_service("<mysqlreplication/>");
  EXPECT_TRUE(module_->mysql->replicas.empty());
}

TEST_F(FurtherReplicas, have_an_address_each_and_reach_the_nodes_on_a_lan) {
  load_replicas(R"(<replica addr="192.0.2.50"/><replica addr="192.0.2.50" port="3307" lan="private"/>
                   <replica addr="[2001:db8::7]"/>)");
  expect_loaded();
  ASSERT_EQ(module_->mysql->replicas.size(), 3U);
  EXPECT_TRUE(module_->start_refusals.empty());
  const auto& replicas = module_->mysql->replicas;
  EXPECT_EQ(replicas[0].address, "192.0.2.50");
  EXPECT_EQ(replicas[0].port, 3306);
  EXPECT_EQ(replicas[1].port, 3307);
  EXPECT_EQ(replicas[2].address, "2001:db8::7");
  for (std::size_t at = 0; at < 2; ++at) {
    const Lan& lan = *cluster_.find_lan(at == 0 ? "default" : "private");
    const auto [own, other] = replica_sources(*module_, cluster_, NodeId{1}, replicas[at]);
    EXPECT_EQ(own, lan.find(cluster_.name_of(NodeId{1}))->address);
    EXPECT_EQ(other, lan.find(cluster_.name_of(NodeId{0}))->address);
  }
}

TEST_F(FurtherReplicas, are_refused_where_they_cannot_be_any) {
  load_replicas(R"(<replica port="3307"/>)");
  expect_one_error("addr");
  load_replicas(R"(<replica addr="db3"/>)");
  expect_one_error(R"(<replica addr="db3"> is a name; allowed: an IPv4 or IPv6 address)");
  load_replicas(R"(<replica addr="0.0.0.0"/>)");
  expect_one_error("is the address of no server");
  load_replicas("\n<replica addr=\"192.0.2.50\"/>\n<replica addr=\"192.0.2.50\" port=\"3306\"/>");
  expect_one_error("with port 3306 stands in line");
  load_replicas(R"(<replica addr="192.0.2.50" lan="privat"/>)");
  expect_one_error(R"(<replica lan="privat"> is no <lan> of cluster.xml)");
  const std::string node = cluster_.lans[0].nodes[1].address.text();
  load_replicas(fmt::format(R"(<replica addr="{}"/>)", node));
  expect_one_error(fmt::format("is the server of node \"{}\"", cluster_.lans[0].nodes[1].node));
  load_replicas(fmt::format(R"(<replica addr="{}" port="3307"/>)", node));
  expect_loaded();
  load_service(R"(<vip><interface_list><interface><real_interface><virtual_addr addr="192.0.2.50"/>
                  </real_interface></interface></interface_list></vip>
                  <mysqlreplication><replica addr="192.0.2.50"/></mysqlreplication>)");
  expect_one_error("is the virtual address of line");
}

TEST_F(MysqlReplication, starts_with_everything_that_it_has) {
  load_replication(
      R"(semisync="off" lag_limit="1" drain_timeout="1" errant="ask" start_command="systemctl start mariadb")");
  expect_loaded();
  EXPECT_TRUE(module_->start_refusals.empty()) << module_->start_refusals[0].message;
  load_replication(R"(errant="provision" datadir="/srv/d" start_command="x" stop_command="x" provision_limit="5000")");
  expect_loaded();
  EXPECT_TRUE(module_->start_refusals.empty()) << module_->start_refusals[0].message;
  EXPECT_EQ(module_->mysql->provision_kilobytes_per_second_max, 5000U);
  load_replication(R"(binlog_limit="1")");
  expect_loaded();
  EXPECT_TRUE(module_->start_refusals.empty()) << module_->start_refusals[0].message;
}

TEST_F(MysqlReplication, goes_over_the_network_that_it_names) {
  load(R"(<safe><service mode="mirror"><heart><heartbeat name="default"/><heartbeat name="private"/></heart>
          <mysqlreplication lan="private"/></service></safe>)");
  expect_loaded();
  EXPECT_EQ(replication_paths(*module_, cluster_, NodeId{0}).front().lan, "private");
  load_replication(R"(lan="privat")");
  expect_one_error(R"(<mysqlreplication lan="privat"> is no <lan> of cluster.xml)");
  EXPECT_EQ(diagnostics_[0].nearest, "private");
}

TEST_F(MysqlReplication, is_the_only_one_that_copies_the_data) {
  load_service("<rfs><replicated dir=\"/d\"/></rfs>\n<mysqlreplication/>");
  expect_one_error("userconfig.xml:3:1: error: <mysqlreplication> cannot go with <rfs> of line 2: one of them");
}

TEST_F(MysqlReplication, says_what_is_wrong_with_a_value) {
  load_replication(R"(errant="provison")");
  expect_one_error(R"(<mysqlreplication errant="provison"> is unknown; allowed: ask, provision)");
  EXPECT_EQ(diagnostics_[0].nearest, "provision");
  load_replication(R"(port="0")");
  expect_one_error("1 to 65535");
  load_replication(R"(drain_timeout="0")");
  expect_one_error("is too short");
  load_replication(R"(soket="/s")");
  EXPECT_EQ(diagnostics_.at(0).nearest, "socket");
  load_replication(R"(socket="run/s")");
  expect_one_error("is not an absolute path");
  load_replication(R"(socket="C:\mysql\s")");
  expect_one_error("is a path of Windows");
  load_replication(fmt::format(R"(socket="/{}")", std::string(107, 's')));
  expect_one_error("is longer than the name of a socket may be; allowed: at most 107 bytes");
  load_replication(R"(start_command="")");
  expect_one_error("is empty");
  load_replication(R"(verify_at="24:00")");
  expect_one_error("is no time of day; allowed: HH:MM, from 00:00 to 23:59, in the local time of the primary");
  load_replication(R"(binlog_limit="-1")");
  expect_one_error("0 to 100000000");
}

TEST_F(MysqlReplication, keeps_what_must_survive_a_new_copy_out_of_the_data_directory) {
  load_replication(R"(datadir="/srv/data/" accounts="/srv/data/accounts")");
  expect_one_error("lies in the data directory /srv/data, and would go when that is replaced");
  load_replication(R"(datadir="/srv/data" accounts="/srv/data-accounts")");
  expect_loaded();
  load_replication(R"(datadir="/")");
  expect_one_error("<mysqlreplication datadir=\"/\"> is the root");
}

}  // namespace
}  // namespace clusteragent::config::testing
