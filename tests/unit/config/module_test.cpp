#include <chrono>

#include "tests/unit/config/support.hpp"

namespace clusteragent::config::testing {
namespace {

using namespace std::chrono_literals;

using ModuleFile = ConfigTest;

/// Every element and attribute that SafeKit's own mirror modules use, in their order and manner.
const std::string full_module = R"(<!DOCTYPE safe>
<safe>
<service mode="mirror" defaultprim="alone" maxloop="3" loop_interval="24" failover="on">
  <!-- a comment with <tags> & more -->
  <heart pulse="700" timeout="30000">
    <heartbeat name="default" ident="flow">
    </heartbeat>
  </heart>
  <vip>
    <interface_list>
        <interface check="on" arpreroute="on">
	  <real_interface>
               <virtual_addr addr="NAME_OF_THE_SERVICE" where="one_side_alias" />
          </real_interface>
        </interface>
    </interface_list>
  </vip>
  <errd polltimer="10">
    <proc name="serverd" atleast="1" action="restart" class="prim" />
  </errd>
  <rfs mountover="off" async="second" acl="off" nbrei="3">
	<replicated dir="/srv/data" mode="read_only" />
  </rfs>
  <user nicestoptimeout="300" forcestoptimeout="300" logging="userlog" />
</service>
</safe>
)";

TEST_F(ModuleFile, loads_a_safekit_file_unchanged) {
  load(full_module);
  expect_messages(
      {R"(userconfig.xml:13:30: warning: <virtual_addr addr="NAME_OF_THE_SERVICE"> is a name: it is resolved )"
       R"(when the module starts, which fails when the name service does; an IP address always works)"});
  ASSERT_TRUE(module_);
  EXPECT_EQ(module_->service.default_primary, "");
  EXPECT_EQ(module_->service.maxloop, 3U);
  EXPECT_EQ(module_->service.loop_interval, 24h);
  EXPECT_TRUE(module_->service.failover);
  EXPECT_EQ(module_->heart.pulse, 700ms);
  EXPECT_EQ(module_->heart.timeout, 30s);
  ASSERT_EQ(module_->heart.heartbeats.size(), 1U);
  EXPECT_EQ(module_->heart.heartbeats[0].lan, "default");
  EXPECT_EQ(module_->heart.heartbeats[0].ident, "flow");
  ASSERT_EQ(module_->interfaces.size(), 1U);
  EXPECT_TRUE(module_->interfaces[0].is_checked);
  EXPECT_TRUE(module_->interfaces[0].arp_reroute);
  EXPECT_EQ(module_->interfaces[0].addresses[0].address.text(), "NAME_OF_THE_SERVICE");
  EXPECT_EQ(module_->errd->poll, 10s);
  EXPECT_EQ(module_->errd->processes[0].reaction, ProcessReaction::restart);
  EXPECT_EQ(module_->rfs->resync_readers, 3U);
  EXPECT_EQ(module_->rfs->directories[0].directory, "/srv/data");
  EXPECT_TRUE(module_->rfs->directories[0].is_read_only);
  EXPECT_EQ(module_->user->stop_limit, 300s);
  EXPECT_TRUE(module_->user->has_userlog);
  EXPECT_TRUE(module_->start_refusals.empty());
}

TEST_F(ModuleFile, says_what_of_rfs_keeps_it_from_starting) {
  load_service(R"(<rfs scripts="on"><replicated dir="/a"/></rfs><user/>)");
  ASSERT_TRUE(module_);
  ASSERT_EQ(module_->start_refusals.size(), 1U);
  EXPECT_EQ(module_->start_refusals[0].element, "rfs");
  EXPECT_NE(module_->start_refusals[0].message.find("<rfs scripts=\"on\"> (line "), std::string::npos);
  EXPECT_NE(module_->start_refusals[0].message.find("is for Hyper-V, on Windows. The module does not start"),
            std::string::npos);
}

TEST_F(ModuleFile, starts_with_what_is_built_of_rfs_and_with_defaults_written_out) {
  load_service(R"(<rfs async="none" acl="on" nbrei="6" locktimeout="30" reiallowedbw="9"
      sendtimeout="9" reitimeout="9" acknowledge="write"><flow name="default"/>
      <replicated dir="/a" mode="read_only"><tocheck path="x"/><notreplicated path="x"/></replicated>
      <replicated dir="/b"/></rfs><user/>)");
  expect_loaded();
  EXPECT_TRUE(module_->start_refusals.empty());
}

TEST_F(ModuleFile, takes_windows_paths_and_process_names) {
  load_service(R"(<errd><proc name="serverd.exe"/></errd><user/>
                  <rfs><replicated dir="C:\Program Data\Server 5.7"/></rfs>)");
  expect_loaded();
}

TEST_F(ModuleFile, gives_safekits_defaults) {
  load_service(R"(<vip><interface_list><interface><real_interface><virtual_addr addr="10.0.1.9"/></real_interface>
                  </interface></interface_list></vip><errd><proc name="a"/></errd><user/><rfs>
      <replicated dir="/d"/></rfs>)");
  expect_loaded();
  EXPECT_EQ(module_->heart.port, 8888);
  EXPECT_EQ(module_->heart.heartbeats[0].pulse, 700ms);
  EXPECT_EQ(module_->heart.heartbeats[0].timeout, 30s);
  EXPECT_EQ(module_->heart.heartbeats[0].ident, "default");
  EXPECT_EQ(module_->service.boot, Boot::ignore);
  EXPECT_EQ(module_->interfaces[0].arp_interval, 60s);
  EXPECT_EQ(module_->interfaces[0].arp_elapse, 1200s);
  EXPECT_TRUE(module_->interfaces[0].is_checked);
  EXPECT_FALSE(module_->interfaces[0].arp_reroute);
  EXPECT_EQ(module_->errd->poll, 30s);
  EXPECT_EQ(module_->errd->processes[0].atleast, 1U);
  EXPECT_EQ(module_->errd->processes[0].atmax, std::nullopt);
  EXPECT_EQ(module_->errd->processes[0].reaction, ProcessReaction::stopstart);
  EXPECT_EQ(module_->errd->processes[0].process_class, ProcessClass::prim);
  EXPECT_EQ(module_->user->start_limit, 300s);
  EXPECT_EQ(module_->user->userlog_kilobytes_max, 2048);
  EXPECT_EQ(module_->rfs->acknowledge, SecondaryAck::on_receipt);
  EXPECT_EQ(module_->rfs->zone_bytes, module_->rfs->resync_packet_bytes);
}

TEST_F(ModuleFile, five_mistakes_give_five_messages) {
  load(R"(<safe>
<service mode="mirror" maxlop="5">
  <heart pulse="700" timeout="300">
    <heartbeat name="defualt"/>
  </heart>
  <errd polltimer="10m s">
    <proc name="mysqld" action="restrat"/>
  </errd>
  <user/>
</service>
</safe>
)");
  EXPECT_FALSE(module_);
  expect_messages({
      R"(userconfig.xml:2:24: error: <service> has no attribute "maxlop"; allowed: mode, defaultprim, failover, )"
      R"(maxloop, )"
      R"(loop_interval, boot, boot_delay, automatic_reboot; did you mean "maxloop"?)",
      R"(userconfig.xml:3:22: error: <heart timeout="300 ms">: the timeout of 300 ms is less than 3 times the )"
      R"(pulse of )"
      R"(700 ms, so the loss of two frames would pass for a dead peer; allowed: timeout of at least 2100 ms, or a )"
      R"(shorter pulse)",
      R"(userconfig.xml:4:16: error: <heartbeat name="defualt"> is no <lan> of cluster.xml; allowed: default, )"
      R"(private; )"
      R"(did you mean "default"?)",
      R"(userconfig.xml:6:9: error: <errd polltimer="10m s"> is not a duration; allowed: 1 to 3600 s, a bare )"
      R"(number being )"
      R"(s; or with one of the units d h m s ms us)",
      R"(userconfig.xml:7:25: error: <proc action="restrat"> is not a known action (a handler of that name is written )"
      R"("./restrat"); allowed: restart, stopstart, stop, noaction, or the path of a handler; did you mean "restart"?)",
  });
}

TEST_F(ModuleFile, columns_count_characters) {
  load(
      "<safe><macro name=\"a\" value=\"\xc3\xa9\xe2\x82\xac\" valeu=\"\"/>"
      "<service mode=\"mirror\"><heart><heartbeat name=\"default\"/></heart></service></safe>");
  ASSERT_EQ(diagnostics_.size(), 1U);
  EXPECT_EQ(diagnostics_[0].column, 34U);
}

TEST_F(ModuleFile, has_durations_in_any_unit) {
  load(R"(<safe><service mode="mirror" loop_interval="2d"><heart pulse="1s" timeout="1m"><heartbeat name="default"
      pulse="1500us" timeout="20"/></heart><user nicestoptimeout="90 s" forcestoptimeout="1h"/></service></safe>)");
  expect_loaded();
  EXPECT_EQ(module_->service.loop_interval, 48h);
  EXPECT_EQ(module_->heart.pulse, 1s);
  EXPECT_EQ(module_->heart.timeout, 1min);
  EXPECT_EQ(module_->heart.heartbeats[0].pulse, 1500us);
  EXPECT_EQ(module_->heart.heartbeats[0].timeout, 20ms);
  EXPECT_EQ(module_->user->stop_limit, 90s);
  EXPECT_EQ(module_->user->force_limit, 1h);
}

TEST_F(ModuleFile, refuses_a_duration_that_becomes_zero_in_its_unit) {
  load(R"(<safe><service mode="mirror" loop_interval="30m"><heart><heartbeat )"
       R"(name="default"/></heart></service></safe>)");
  expect_one_error(R"(<service loop_interval="30m"> is less than 1 h, the unit of this attribute)");
  load(R"(<safe><service mode="mirror" loop_interval="0"><heart><heartbeat name="default"/></heart></service></safe>)");
  expect_loaded();
  load_service("<user starttimeout=\"0\"/>");
  expect_one_error("is too short");
}

TEST_F(ModuleFile, refuses_durations_that_overflow) {
  for (const char* text :
       {"999999999999999999d", "9223372036854775807", "99999999999999999999", "-1", "1.5", "5 parsecs"}) {
    load_service(std::string{"<user starttimeout=\""} + text + "\"/>");
    expect_one_error("starttimeout");
  }
}

TEST_F(ModuleFile, checks_timing_per_heartbeat_against_inherited_values) {
  load(R"(<safe><service mode="mirror"><heart pulse="100" timeout="1000"><heartbeat name="default" pulse="400"/>
      <heartbeat name="private" timeout="200"/></heart></service></safe>)");
  ASSERT_EQ(diagnostics_.size(), 2U) << joined(diagnostics_);
  EXPECT_NE(diagnostics_[0].message.find("timeout of 1000 ms is less than 3 times the pulse of 400 ms"),
            std::string::npos);
  EXPECT_NE(diagnostics_[1].message.find("timeout of 200 ms is less than 3 times the pulse of 100 ms"),
            std::string::npos);
  load(R"(<safe><service mode="mirror"><heart pulse="100" timeout="300"><heartbeat )"
       R"(name="default"/></heart></service></safe>)");
  expect_loaded();
}

TEST_F(ModuleFile, needs_a_heartbeat_and_tells_repeated_ones) {
  load(R"(<safe><service mode="mirror"><heart/></service></safe>)");
  expect_one_error("<heart> has no <heartbeat>");
  load(R"(<safe><service mode="mirror"/></safe>)");
  expect_one_error("<service> has no <heart>");
  load(R"(<safe><service mode="mirror"><heart><heartbeat name="default" ident="a"/><heartbeat name="private" ident="a"/>
      </heart></service></safe>)");
  expect_one_error(R"(<heartbeat ident="a"> stands there a second time)");
}

TEST_F(ModuleFile, takes_a_default_primary_of_the_cluster_only) {
  load(
      R"(<safe><service mode="mirror" defaultprim="beta"><heart><heartbeat name="default"/></heart></service></safe>)");
  expect_loaded();
  EXPECT_EQ(module_->service.default_primary_id, NodeId{1});
  load(R"(<safe><service mode="mirror" defaultprim="betta"><heart><heartbeat )"
       R"(name="default"/></heart></service></safe>)");
  expect_one_error(R"(is no node of cluster.xml; allowed: alpha, beta; did you mean "beta"?)");
  load(R"(<safe><service mode="mirror" defaultprim="lastprim"><heart><heartbeat )"
       R"(name="default"/></heart></service></safe>)");
  expect_one_error("is not built");
}

TEST_F(ModuleFile, needs_exactly_two_nodes) {
  load_cluster(R"(<cluster><lans><lan name="default"><node name="a" addr="10.0.0.1"/><node name="b" addr="10.0.0.2"/>
      <node name="c" addr="10.0.0.3"/></lan></lans></cluster>)");
  ASSERT_TRUE(has_cluster_);
  load_service("");
  expect_one_error("needs exactly two nodes; cluster.xml has 3: a, b, c");
}

TEST_F(ModuleFile, refuses_a_heartbeat_network_that_lacks_a_node) {
  load_cluster(
      R"(<cluster><lans><lan name="default"><node name="a" addr="10.0.0.1"/><node name="b" addr="10.0.0.2"/></lan>
      <lan name="half"><node name="a" addr="10.0.1.1"/></lan></lans></cluster>)");
  load(R"(<safe><service mode="mirror"><heart><heartbeat name="half"/></heart></service></safe>)");
  expect_one_error("has no address of node \"b\"");
}

TEST_F(ModuleFile, warns_of_a_timeout_shorter_than_the_margin) {
  const auto with_timeout = [](const std::string& milliseconds) {
    return R"(<safe><service mode="mirror"><heart pulse="5" timeout=")" + milliseconds +
           R"("><heartbeat name="default"/></heart></service></safe>)";
  };
  load(with_timeout("15"));
  expect_one_warning("shorter than what the kernel's timers need");
  load(with_timeout("16"));
  expect_loaded();
}

TEST_F(ModuleFile, names_what_is_not_built) {
  load_service("<check><tcp ident=\"a\"><to addr=\"x\" port=\"1\"/></tcp></check>");
  expect_one_error("<tcp> is refused: this checker is not built");
  load_service("<failover><![CDATA[ a: if (x == down) then stop(); ]]></failover>");
  expect_one_error("failover rules are not built");
  load_service("<farm/>");
  expect_one_error("farm modules are not built");
  load(R"(<safe><service mode="farm"><heart><heartbeat name="default"/></heart></service></safe>)");
  expect_one_error(R"(<service mode="farm"> is not built in this version; allowed: mirror)");
  load(R"(<safe><service mode="mirror" boot_delay="5"><heart><heartbeat name="default"/></heart></service></safe>)");
  expect_one_error("order the start with systemd");
  load(R"(<safe><service mode="mirror"><heart><heartbeat name="default"><server )"
       R"(addr="x"/></heartbeat></heart></service></safe>)");
  expect_one_error("stand in cluster.xml since SafeKit 7.2");
}

TEST_F(ModuleFile, says_what_has_no_effect_unless_it_is_the_default) {
  load(
      R"(<safe><service mode="mirror"><heart permanent_arp="on"><heartbeat name="default"/></heart></service></safe>)");
  expect_one_warning("has no effect: no static ARP entry");
  load(R"(<safe><service mode="mirror"><heart permanent_arp="off"><heartbeat )"
       R"(name="default"/></heart></service></safe>)");
  expect_loaded();
}

TEST_F(ModuleFile, tells_unknown_elements_and_where_known_ones_belong) {
  load_service("<usr/>");
  expect_one_error(R"(<usr> cannot stand inside <service>; allowed: )");
  EXPECT_EQ(diagnostics_[0].nearest, "user");
  load_service("<heartbeat name=\"private\"/>");
  expect_one_error("its place is inside <heart>");
  load_service("some text");
  expect_one_error("userconfig.xml:2:1: error: text inside <service>");
  load_service("<user/><user/>");
  expect_one_error("<service> has too many <user>; allowed: at most 1");
}

TEST_F(ModuleFile, tells_a_misspelt_name_once) {
  load("<safe><service mode=\"mirror\"><heart><heartbeat nmae=\"default\"/></heart></service></safe>");
  expect_one_error("<heartbeat> has no attribute \"nmae\"");
  load("<safe><service mode=\"mirror\"><hart><heartbeat name=\"default\"/></hart></service></safe>");
  expect_one_error("<hart> cannot stand inside <service>");
  load("<safe><service mode=\"mirror\"><heart><heartbeat/></heart></service></safe>");
  expect_one_error("<heartbeat> lacks the attribute \"name\"");
}

TEST_F(ModuleFile, expands_macros_and_falls_back_to_the_environment) {
  set_environment("LIMIT", "45");
  load(R"(<safe><macro name="net" value="default"/><macro name="whole" value="the %net% one"/>
      <service mode="mirror"><heart><heartbeat name="%net%"/></heart>
      <user starttimeout="%LIMIT%s"><var name="A" value="%whole% 100% of %"/></user></service></safe>)");
  expect_loaded();
  EXPECT_EQ(module_->heart.heartbeats[0].lan, "default");
  EXPECT_EQ(module_->user->start_limit, 45s);
  EXPECT_EQ(module_->user->variables[0].second, "the default one 100% of %");
}

TEST_F(ModuleFile, tells_an_undefined_macro) {
  load(R"(<safe><macro name="network" value="default"/>
<service mode="mirror"><heart><heartbeat name="%netwrok%"/></heart></service></safe>)");
  expect_messages(
      {R"(userconfig.xml:2:42: error: "%netwrok%" is defined neither by a <macro> above nor in the environment; )"
       R"(did you mean "network"?)"});
}

TEST_F(ModuleFile, bounds_what_macros_expand_to) {
  std::string text = "<safe><macro name=\"m0\" value=\"0123456789\"/>";
  for (int i = 1; i < 40; ++i) {
    const std::string last = "%m" + std::to_string(i - 1) + "%";
    text += "<macro name=\"m" + std::to_string(i) + "\" value=\"" + last + last + "\"/>";
  }
  load(text + "<service mode=\"mirror\"><heart><heartbeat name=\"default\"/></heart></service></safe>");
  expect_one_error("makes the value longer than 4096 bytes");
}

}  // namespace
}  // namespace clusteragent::config::testing
