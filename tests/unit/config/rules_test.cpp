#include <fmt/format.h>

#include "tests/unit/config/support.hpp"

namespace clusteragent::config::testing {
namespace {

class Rules : public ConfigTest {
 protected:
  void load_address(const std::string& attributes) {
    load_service("<vip><interface_list><interface><real_interface><virtual_addr " + attributes +
                 "/></real_interface></interface></interface_list></vip>");
  }
  void load_process(const std::string& attributes) { load_service("<errd><proc " + attributes + "/></errd><user/>"); }
  void load_rfs(const std::string& attributes, const std::string& inside) {
    load_service("<rfs " + attributes + ">" + inside + "</rfs>");
  }
};

TEST_F(Rules, virtual_addresses_are_v4_or_v6) {
  load_address(R"(addr="10.0.1.9" netmask="255.255.252.0")");
  expect_loaded();
  EXPECT_EQ(module_->interfaces[0].addresses[0].prefix_bits, 22);
  load_address(R"(addr="[2001:DB8:0:0::9]")");
  expect_loaded();
  EXPECT_EQ(module_->interfaces[0].addresses[0].address.text(), "2001:db8::9");
  load_address(R"(addr="10.0.1.300")");
  expect_one_error("is neither an IP address nor a host name");
  load_address(R"(addr="0.0.0.0")");
  expect_one_error("cannot be the address of a machine");
  load_address(R"(addr="10.0.1.9" netmask="255.0.255.0")");
  expect_one_error("is not a netmask");
  load_address(R"(addr="2001:db8::9" netmask="24")");
  expect_one_error("a netmask is for IPv4");
}

TEST_F(Rules, a_verification_has_a_time_of_day) {
  load_rfs(R"(verify_at="03:30")", R"(<replicated dir="/a"/>)");
  expect_loaded();
  EXPECT_EQ(module_->rfs->verify_at, std::chrono::minutes{210});
  for (const char* wrong : {"24:00", "3:30", "03:60", "03.30", "noon", "03:300"}) {
    load_rfs(std::string{"verify_at=\""} + wrong + "\"", R"(<replicated dir="/a"/>)");
    expect_one_error("is no time of day");
  }
}

TEST_F(Rules, virtual_addresses_belong_to_no_node_and_stand_once) {
  load_address(R"(addr="10.0.2.1")");
  expect_one_error("is the own address of node \"alpha\"");
  load_service(R"(<vip><interface_list><interface><real_interface><virtual_addr addr="2001:db8::9"/>
      <virtual_addr addr="2001:db8:0::9"/></real_interface></interface></interface_list></vip>)");
  expect_one_error("stands there a second time");
}

TEST_F(Rules, where_is_one_side_alias) {
  load_address(R"(addr="10.0.1.9" where="alias")");
  expect_one_error(R"(<virtual_addr where="alias"> is not built in this version; allowed: one_side_alias)");
  load_address(R"(addr="10.0.1.9" where="one_side_allias")");
  EXPECT_EQ(diagnostics_.at(0).nearest, "one_side_alias");
}

TEST_F(Rules, errd_needs_user) {
  load_service("<errd><proc name=\"a\"/></errd>");
  expect_one_error("<errd> needs <user>");
}

TEST_F(Rules, processes_may_have_long_names_and_patterns) {
  load_process(R"(name="a-process-with-a-very-long-name" nameregex="^my(sql|maria)db?$" argregex="[[:alnum:]]+ )"
               R"(--port=[0-9]{4}")");
  expect_loaded();
  EXPECT_EQ(module_->errd->processes[0].arg_regex, "[[:alnum:]]+ --port=[0-9]{4}");
  load_process(R"(name="a" argregex="\/usr\/sbin\/x\-y []\/] [^]] [[:digit:]] a\.b")");
  expect_loaded();
  load_process(R"(name="a" argregex="a\wb")");
  expect_one_error("is not a POSIX extended regular expression");
  load_process(R"(name="a" argregex="[[:digit]")");
  expect_one_error("is not a POSIX extended regular expression");
  load_process(R"(name="a" nameregex="(a")");
  expect_one_error("is not a POSIX extended regular expression");
  load_process(R"(name="a" argregex="a{1000}{1000}{1000}")");
  expect_one_error("is not a POSIX extended regular expression");
  load_process(R"(name="/usr/sbin/mysqld")");
  expect_one_error("write the name, not the path");
}

TEST_F(Rules, processes_react_with_a_word_or_a_handler) {
  load_process(R"(name="a" action="repair.sh")");
  expect_loaded();
  EXPECT_EQ(module_->errd->processes[0].reaction, ProcessReaction::handler);
  EXPECT_EQ(module_->errd->processes[0].handler, "repair.sh");
  load_process(R"(name="a" action="/opt/repair")");
  expect_loaded();
  load_process(R"(name="a" action="stop_start")");
  EXPECT_EQ(diagnostics_.at(0).nearest, "stopstart");
  load_process(R"(name="a" action="../repair")");
  expect_one_error("leaves the module's bin");
}

TEST_F(Rules, counts_of_a_process_can_be_satisfied) {
  load_process(R"(name="a" atleast="-1" atmax="0")");
  expect_loaded();
  EXPECT_EQ(module_->errd->processes[0].atleast, std::nullopt);
  EXPECT_EQ(module_->errd->processes[0].atmax, 0U);
  load_process(R"(name="a" atleast="2" atmax="2")");
  expect_one_error("can never be satisfied");
  load_process(R"(name="a" atmax="1")");
  expect_one_error("can never be satisfied");
  load_process(R"(name="a" atleast="-2")");
  expect_one_error("is out of range; allowed: -1 to 100000");
}

TEST_F(Rules, services_have_no_patterns) {
  load_process(R"(name="mariadb.service" service="yes")");
  expect_loaded();
  load_process(R"(name="mariadb" service="yes" argregex="x")");
  expect_one_error("a service is found by its name");
  load_process(R"(name="a" restart_services="yes" action="restart")");
  ASSERT_EQ(diagnostics_.size(), 2U);
  EXPECT_NE(diagnostics_[1].format().find("goes with service=\"yes\" and action=\"restart\" only"), std::string::npos);
  load_process(R"(name="a" restart_services="yes" action="restart" service="yes")");
  expect_one_warning("has no effect");
}

TEST_F(Rules, classes_are_those_of_the_scripts) {
  for (const char* word : {"prim", "both", "pre", "second", "sec"}) {
    load_process(std::string{R"(name="a" class=")"} + word + "\"");
    expect_loaded();
  }
  load_process(R"(name="a" class="mine")");
  expect_one_error("classes that are armed by hand are not built");
}

TEST_F(Rules, names_of_processes_are_unique) {
  load_service(R"(<errd><proc name="a"/><proc name="a" class="sec"/></errd><user/>)");
  expect_one_error("stands there a second time");
}

TEST_F(Rules, replicated_directories_are_apart) {
  load_rfs("", R"(<replicated dir="/a/b"/><replicated dir="/a/bc"/>)");
  expect_loaded();
  load_rfs("", R"(<replicated dir="/a/b"/><replicated dir="/a/b/c/"/>)");
  expect_one_error("lie inside each other");
  load_rfs("", R"(<replicated dir="C:\a"/><replicated dir="C:\a\b"/>)");
  expect_one_error("lie inside each other");
  load_rfs("", R"(<replicated dir="relative"/>)");
  expect_one_error("is not an absolute path");
  load_rfs("", R"(<replicated dir="/"/>)");
  expect_one_error("is the root of a file system");
  load_rfs("", "");
  expect_one_error("<rfs> has no <replicated>");
}

TEST_F(Rules, replication_is_typed_now) {
  load_rfs(R"(async="none" reiallowedbw="20000" syncdelta="5" roflags="0x10010" checktime="3m")",
           R"(<flow name="private"/><replicated dir="/d" mode="read_only"><tocheck path="mounted"/>
              <notreplicated path="tmp"/><notreplicated regexpath="!.*\.ibd$"/></replicated>)");
  expect_one_warning("<rfs roflags=\"0x10010\"> has no effect: it belongs to Windows");
  EXPECT_EQ(module_->rfs->acknowledge, SecondaryAck::on_disk);
  EXPECT_EQ(module_->rfs->resync_kilobytes_per_second_max, 20000);
  EXPECT_EQ(module_->rfs->sync_delta, std::chrono::minutes{5});
  EXPECT_EQ(module_->rfs->check_limit, std::chrono::minutes{3});
  EXPECT_EQ(module_->rfs->check_pause, std::chrono::minutes{2});
  EXPECT_EQ(module_->rfs->flow_lan, "private");
  const ReplicatedConfig& directory = module_->rfs->directories[0];
  EXPECT_EQ(directory.must_exist, std::vector<std::string>{"mounted"});
  EXPECT_EQ(directory.excluded[0].path, "tmp");
  EXPECT_EQ(directory.excluded[1].regex, R"(.*\.ibd$)");
  EXPECT_TRUE(directory.excluded[1].is_inverted);
  load_rfs(R"(ruzone_blocksize="8388609")", R"(<replicated dir="/d"/>)");
  expect_one_warning("blocks of 64 KiB are compared here");
  load_rfs("", R"(<replicated dir="/d"><notreplicated/></replicated>)");
  expect_one_error("needs either \"path\" or \"regexpath\"");
  for (const char* outside : {"/tmp", "../tmp", "a/../../b", "a/.."}) {
    load_rfs("", fmt::format(R"(<replicated dir="/d"><notreplicated path="{}"/></replicated>)", outside));
    expect_one_error("leads out of the replicated directory");
  }
  load_rfs("", R"(<replicated dir="/d"><notreplicated path="."/></replicated>)");
  expect_one_error("is the replicated directory itself");
  load_rfs("", R"(<replicated dir="/d"><notreplicated regexpath="!(a"/></replicated>)");
  expect_one_error("regexpath");
  load_rfs("", R"(<replicated dir="/d" mode="read_write"/>)");
  expect_one_error("is unknown; allowed: read_only");
}

TEST_F(Rules, variables_do_not_shadow_those_of_the_agent) {
  load_service(R"(<user><var name="SAFEMODULE" value="x"/></user>)");
  expect_one_error("is reserved");
  load_service(R"(<user><var name="A" value=""/></user>)");
  expect_loaded();
  load_service(R"(<user><var name="A-B" value="x"/></user>)");
  expect_one_error("is not a name");
}

TEST_F(Rules, modules_of_a_node_share_neither_port_nor_address) {
  const std::string vip = R"(<vip><interface_list><interface><real_interface><virtual_addr addr="10.0.1.9"/>
      </real_interface></interface></interface_list></vip>)";
  load_service(vip);
  ASSERT_TRUE(module_);
  ModuleConfig first = *module_;
  first.file = "first/userconfig.xml";
  load_service(vip);
  const std::vector<ModuleConfig> both{first, *module_};
  EXPECT_EQ(
      joined(check_modules(both)),
      "userconfig.xml:1:30: error: <heart port=\"8888\"> is the port of first/userconfig.xml, too: every module of a "
      "node needs its own; allowed: a port that no other module has\n"
      "userconfig.xml:2:63: error: <virtual_addr addr=\"10.0.1.9\"> is a virtual address of first/userconfig.xml, "
      "too\n");
  EXPECT_TRUE(check_modules(std::vector<ModuleConfig>{first}).empty());
}

}  // namespace
}  // namespace clusteragent::config::testing
